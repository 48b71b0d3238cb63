"""Weights files and checkpoints: safetensors with the tensors of a `state_dict` and JSON metadata, without pickle.

The metadata has everything that serving needs (layers, input shape, classes, preprocessing), so predictions prepare
their inputs exactly as training did.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from app.learning.architecture import build, rows
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json, layers_to_json
from app.learning.losses import Task
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.reference import Reference
from app.learning.stepper import tensors_under
from app.learning.training import Checkpoint

METADATA = "antigrad"  # one entry only: several vary in order, so files of equal networks would differ


@dataclass(frozen=True)
class Trained:
    """A network ready to predict: inputs (N, *input_shape) go through `prepare_inputs`, then through `model`."""

    model: nn.Module
    layers: list[Layer]
    input_shape: Shape
    task: Task
    classes: list[str]
    prepare_inputs: Affine
    prepare_targets: Affine
    border: float | None  # mean brightness of the training pictures' edges, 0–255; None for tables
    step: int
    output_kind: OutputKind
    resize: str = "fit"  # of pictures to the input's size: fit, fill or stretch
    background: str = "white"  # behind transparent pixels and in margins: white or black
    depth: int = 16  # bits of a pixel in 16-bit pictures
    reference: Reference | None = None  # the distribution of the training inputs
    margin: float | None = None  # around the ink of the training pictures, as a fraction of its longer side

    @cached_property
    def multiply_adds(self) -> int:
        """Multiply-adds of one prediction."""
        return sum(place.layer.multiply_adds(place.shape) for place in rows(self.layers, self.input_shape))

    def outputs(self, inputs: Tensor) -> Tensor:
        """Outputs for raw inputs (N, *input_shape): (N, classes) or (N, 1), which `output_kind` interprets.

        For regression, they are values (N,) in the target's units.
        """
        if self.model.training:
            self.model.eval()
        with torch.no_grad():
            outputs: Tensor = self.model(self.prepare_inputs.apply(inputs))
            return outputs if self.task == "classification" else self.prepare_targets.invert(outputs.squeeze(1))


def to_safetensors(trained: Trained) -> bytes:
    """The bytes of a weights file."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in trained.model.state_dict().items()}
    return save(tensors, {METADATA: json.dumps(_network_metadata(trained))})


def _network_metadata(trained: Trained) -> dict[str, Any]:
    """Metadata with everything that serving needs."""
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
        "depth": trained.depth,
        "margin": trained.margin,
        "reference": trained.reference.to_json() if trained.reference else None,
    }


def from_safetensors(data: bytes) -> Trained:
    """Load the network of a weights file or a checkpoint, ready to predict on the CPU."""
    metadata, tensors = _metadata(data), load(data)
    if "network" in metadata:  # a checkpoint, which also holds the optimizer's state
        metadata, tensors = metadata["network"], tensors_under("model.", tensors)
    layers, input_shape = layers_from_json(metadata["layers"]), tuple(metadata["input_shape"])
    with torch.device("meta"):  # allocates nothing: the weights come from the file
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
        metadata.get("border"),  # absent from older files
        metadata["step"],
        _output_kind(metadata),
        reference=Reference.from_json(metadata.get("reference")),
        **{name: metadata[name] for name in ("resize", "background", "depth", "margin") if name in metadata},
    )


def _output_kind(metadata: dict[str, Any]) -> OutputKind:
    """Interpretation of the outputs. Older files lack it; their classifiers output logits."""
    if "outputs" in metadata:
        return OutputKind(metadata["outputs"], metadata["threshold"])
    return OutputKind("logits" if metadata["task"] == "classification" else "values")


def checkpoint_to_safetensors(checkpoint: Checkpoint, trained: Trained) -> bytes:
    """The bytes of a checkpoint file, including the metadata for serving its network."""
    return save(
        checkpoint.tensors, {METADATA: json.dumps(checkpoint.position | {"network": _network_metadata(trained)})}
    )


def checkpoint_from_safetensors(data: bytes) -> Checkpoint:
    """The checkpoint in a file's bytes."""
    return Checkpoint(load(data), _metadata(data))


def _metadata(data: bytes) -> dict[str, Any]:
    """Metadata from the file's header, which is JSON preceded by its length in 8 bytes."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata: dict[str, Any] = json.loads(header["__metadata__"][METADATA])
    return metadata
