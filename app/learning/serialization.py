"""A trained network as one safetensors file: the tensors of its `state_dict`, and what they mean as metadata.

The metadata is all that serving needs (layers, input shape, classes, preprocessing), so that a prediction prepares its
input exactly as the training did. No pickle.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from app.learning.architecture import build, rows
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer, Normal, Shape
from app.learning.losses import Task
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.training import Checkpoint, under

METADATA = "antigrad"  # one entry: several would be written in any order, and equal networks in unequal bytes


@dataclass(frozen=True)
class Trained:
    """A network that can predict: inputs (N, *input_shape) go through `prepare_inputs`, then through `model`."""

    model: nn.Module
    layers: list[Layer]
    input_shape: Shape
    task: Task
    classes: list[str]
    prepare_inputs: Affine
    prepare_targets: Affine
    border: float | None  # how bright the training pictures are around what they show, 0–255; None for tables
    step: int
    output_kind: OutputKind
    resize: str = "fit"  # how pictures of another size were brought to the input's: fit, fill or stretch
    background: str = "white"  # what lay under transparent pictures and in their margins: white or black

    @cached_property
    def multiply_adds(self) -> int:
        """How many products one prediction takes."""
        return sum(place.layer.multiply_adds(place.shape) for place in rows(self.layers, self.input_shape))

    def outputs(self, inputs: Tensor) -> Tensor:
        """What the network gives, (N, classes) or (N, 1), as `meaning` says; for regression values (N,) in the target's
        own units; for raw inputs (N, *input_shape)."""
        if self.model.training:
            self.model.eval()
        with torch.no_grad():
            found: Tensor = self.model(self.prepare_inputs.apply(inputs))
            return found if self.task == "classification" else self.prepare_targets.invert(found.squeeze(1))


def layers_to_json(layers: Sequence[Layer]) -> list[dict[str, object]]:
    """Each layer as its type and its fields."""
    return [
        {"type": layer.type} | {f.name: _field_to_json(getattr(layer, f.name)) for f in request_fields(layer)}
        for layer in layers
    ]


def _field_to_json(value: Any) -> Any:
    match value:
        case tuple():
            return layers_to_json(value)
        case Normal():
            return asdict(value)
    return value


def layers_from_json(stored: list[dict[str, Any]]) -> list[Layer]:
    """The way back; a field that is not there has its default."""
    return [LAYERS[item["type"]](**{k: _field_from_json(v) for k, v in item.items() if k != "type"}) for item in stored]


def _field_from_json(value: Any) -> Any:
    match value:
        case list():
            return tuple(layers_from_json(value))
        case dict():
            return Normal(**value)
    return value


def to_safetensors(trained: Trained) -> bytes:
    """The file's bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.model.state_dict().items()}
    return save(tensors, {METADATA: json.dumps(_about(trained))})


def _about(trained: Trained) -> dict[str, Any]:
    return {
        "layers": layers_to_json(trained.layers),
        "input_shape": trained.input_shape,
        "task": trained.task,
        "classes": trained.classes,
        "prepare_inputs": trained.prepare_inputs.to_json(),
        "prepare_targets": trained.prepare_targets.to_json(),
        "border": trained.border,
        "step": trained.step,
        "outputs": trained.output_kind.kind,
        "threshold": trained.output_kind.threshold,
        "resize": trained.resize,
        "background": trained.background,
    }


def from_safetensors(data: bytes) -> Trained:
    """The network of a weights file or a checkpoint, ready to predict on the CPU."""
    metadata, tensors = _metadata(data), load(data)
    if "network" in metadata:  # a checkpoint, which holds the optimizer's state too
        metadata, tensors = metadata["network"], under("model.", tensors)
    layers, input_shape = layers_from_json(metadata["layers"]), tuple(metadata["input_shape"])
    with torch.device("meta"):  # nothing is drawn or allocated: the weights come from the file
        model = build(layers, input_shape)
    model.load_state_dict(tensors, assign=True)
    return Trained(
        model,
        layers,
        input_shape,
        metadata["task"],
        metadata["classes"],
        Affine.from_json(metadata["prepare_inputs"]),
        Affine.from_json(metadata["prepare_targets"]),
        metadata.get("border"),  # files of before it was kept do not say
        metadata["step"],
        _meaning(metadata),
        *(metadata[name] for name in ("resize", "background") if name in metadata),
    )


def _meaning(metadata: dict[str, Any]) -> OutputKind:
    """Files of before it was kept do not say: their networks for classes gave logits."""
    if "outputs" in metadata:
        return OutputKind(metadata["outputs"], metadata["threshold"])
    return OutputKind("logits" if metadata["task"] == "classification" else "values")


def checkpoint_to_safetensors(checkpoint: Checkpoint, trained: Trained) -> bytes:
    """A checkpoint as a file's bytes, with what serving needs to know of its network."""
    return save(checkpoint.tensors, {METADATA: json.dumps(checkpoint.position | {"network": _about(trained)})})


def checkpoint_from_safetensors(data: bytes) -> Checkpoint:
    """The way back."""
    return Checkpoint(load(data), _metadata(data))


def _metadata(data: bytes) -> dict[str, Any]:
    """The file's header is JSON behind its length in 8 bytes; ours lies in it as one string."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    found: dict[str, Any] = json.loads(header["__metadata__"][METADATA])
    return found
