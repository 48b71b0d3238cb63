"""A trained network as one ONNX file, which predicts from raw inputs: https://onnx.ai."""

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

from onnx import TensorProto, helper, numpy_helper

from app.learning.architecture import rows
from app.learning.layers.structure import append_operators
from app.learning.operators import OPSET, OperatorGraph, Pixels, integers
from app.learning.serialization import Trained

IR_VERSION = 8  # the first with this opset, so that older programs read the file
INPUT = "input"
TYPES = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}


def onnx_model(trained: Trained, run: str, pixels: Pixels = "uint8", columns: Sequence[str] = ()) -> bytes:
    """The bytes of an ONNX file. Its input (N, *input_shape) is raw: pictures as `pixels` from 0 to 255, or rows as
    float32. Its output is `probabilities` (N, classes), or `value` (N,) in the target's units.

    The metadata name the run, the classes, and the `columns` of a table, one for each number of an input.
    """
    taken = TYPES[pixels if len(trained.input_shape) == 3 else "float32"]
    graph, output, shape = _graph(trained, taken)
    nodes = [helper.make_node(node.type, node.inputs, [node.output], **node.attributes) for node in graph.operators]
    constants = [numpy_helper.from_array(tensor.numpy(), name) for name, tensor in graph.constants.items()]
    input_info = helper.make_tensor_value_info(INPUT, taken, ["batch", *trained.input_shape])
    output_info = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *shape])
    model = helper.make_model(
        helper.make_graph(nodes, run, [input_info], [output_info], constants),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="antigrad",
        producer_version=version("antigrad"),
    )
    helper.set_model_props(model, _metadata(trained, run, columns))
    content: bytes = model.SerializeToString()
    return content


def _graph(trained: Trained, taken: int) -> tuple[OperatorGraph, str, list[int]]:
    """The operators from the raw input to the answer; the answer's name, and its shape without the batch."""
    graph = OperatorGraph()
    x = INPUT if taken == TensorProto.FLOAT else graph.apply("Cast", INPUT, to=TensorProto.FLOAT)
    places = rows(trained.layers, trained.input_shape)
    outputs = append_operators(graph, trained.prepare_inputs.operators(graph, x), places, trained.model.children())
    if trained.task == "classification":
        trained.output_kind.operators(graph, outputs, places[-1].output_shape[0])
        name, shape = "probabilities", [len(trained.classes)]
    else:
        trained.prepare_targets.inverse_operators(graph, graph.apply("Squeeze", outputs, integers(1)))
        name, shape = "value", []
    graph.operators[-1] = replace(graph.operators[-1], output=name)
    return graph, name, shape


def _metadata(trained: Trained, run: str, columns: Sequence[str]) -> dict[str, str]:
    """Texts by name; lists are JSON. With two classes and one output, the second is predicted from `threshold` on."""
    names = {"classes": trained.classes, "columns": list(columns)}
    lists = {name: json.dumps(values) for name, values in names.items() if values}
    threshold = {"threshold": str(trained.output_kind.threshold)} if trained.output_kind.threshold != 0.5 else {}
    return {"run": run, "step": str(trained.step), "task": trained.task, **lists, **threshold}
