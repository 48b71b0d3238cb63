"""PyTorch's own exporter as a second opinion on the operators of every layer."""

import io

import pytest
import torch

from app.learning.layers import Layer, Linear
from app.learning.preprocessing import Affine
from app.serving.onnx_model import onnx_model
from tests.serving.test_onnx_model import by_onnxruntime, inputs_for
from tests.support.layers import every_layer
from tests.support.trained import untrained

ONE_OF_EACH = {case.values[0].type: case for case in every_layer()}


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # of PyTorch's exporter, about itself
@pytest.mark.parametrize(("layer", "shape"), list(ONE_OF_EACH.values()))
def test_the_exporter_of_pytorch_agrees(layer: Layer, shape: tuple[int, ...]) -> None:
    trained = untrained([layer, Linear(3)], shape, prepare_inputs=Affine())
    inputs, file = inputs_for(trained, 4).float(), io.BytesIO()
    program = torch.onnx.export(trained.model, (inputs,), input_names=["input"], dynamo=True, verbose=False)
    assert program is not None
    program.save(file)
    theirs = by_onnxruntime(file.getvalue(), inputs).softmax(1)
    ours = by_onnxruntime(onnx_model(trained, "run_1", "float32"), inputs)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
