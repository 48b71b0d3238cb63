"""Networks as graphs of ONNX operators, which other programs can run.

Registry entries describe their evaluation here; `app.serving.onnx_model` writes the file.
Operators are those of opset 17: https://onnx.ai/onnx/operators.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

OPSET = 17
Attribute = int | float | Sequence[int]
Pixels = Literal["uint8", "float32"]  # of the pictures that a network takes


@dataclass(frozen=True)
class Operator:
    """One operator: its type, the names of its inputs and of its output, and its attributes."""

    type: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Any]


@dataclass(frozen=True)
class OperatorGraph:
    """Operators in the order of their evaluation, with the tensors that they use. The batch is the first dimension."""

    operators: list[Operator] = field(default_factory=list)
    constants: dict[str, Tensor] = field(default_factory=dict)

    def apply(self, type: str, *inputs: str | Tensor | None, **attributes: Attribute) -> str:
        """Append an operator; returns the name of its output. Tensors become constants; None is left out at the end."""
        names = tuple(self._name(value) for value in inputs if value is not None)
        output = f"{type.lower()}_{len(self.operators)}"
        self.operators.append(Operator(type, names, output, attributes))
        return output

    def _name(self, value: str | Tensor) -> str:
        if isinstance(value, str):
            return value
        name = f"constant_{len(self.constants)}"
        self.constants[name] = value.detach().cpu().contiguous()
        return name


def number(value: float) -> Tensor:
    """A float32 scalar."""
    return torch.tensor(value, dtype=torch.float32)


def integers(*values: int) -> Tensor:
    """A list of int64, as operators take axes."""
    return torch.tensor(values, dtype=torch.int64)
