"""Networks as weights files hold them, without a training."""

from typing import Any

import torch

from app.learning.architecture import build
from app.learning.layers import Layer
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.serialization import Trained

CLASSES = ["A", "B", "C"]


def untrained(layers: list[Layer], shape: tuple[int, ...], **about: Any) -> Trained:
    """A classifier with initial weights; its batch norms have the statistics of a few batches."""
    torch.manual_seed(0)
    model = build(layers, shape)
    model.train()
    for _ in range(3):
        model(torch.rand(8, *shape) + 0.1)
    is_picture = len(shape) == 3
    known: dict[str, Any] = {
        "task": "classification",
        "classes": CLASSES,
        "prepare_inputs": Affine(scale=(255.0,)) if is_picture else Affine(),
        "prepare_targets": Affine(),
        "border": 0.0 if is_picture else None,
        "step": 7,
        "output_kind": OutputKind("logits"),
    }
    return Trained(model=model.eval(), layers=layers, input_shape=shape, **known | about)
