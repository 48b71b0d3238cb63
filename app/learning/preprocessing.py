"""Preprocessing of inputs and targets: fitted on the training part, stored with the weights.

Training and serving apply it by the same code.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod, sqrt
from typing import Any, Literal

import torch
from torch import Tensor

Normalise = Literal["unit", "standard", "none"]
Scale = Literal["standard", "none"]

EXAMPLES_AT_ONCE, NUMBERS_AT_ONCE = 4096, 2**20
CONSTANT = 1e-9  # a spread below so much of the mean is rounding: float32 cannot hold it


@dataclass(frozen=True)
class Affine:
    """x ↦ (x − shift) / scale; one number for pictures, one per column for tables.

    `fill` replaces NaN in each column; it is empty if no value is missing.
    """

    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    fill: tuple[float, ...] = ()

    def apply(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """x as float32, shifted and scaled; (N, …) in and out. The result is written to `out` if given."""
        if self.fill:
            x = torch.where(x.isnan(), x.new_tensor(self.fill), x)
        if self.shift == (0.0,):  # uint8 / float is float32, in one pass
            if self.scale != (1.0,):
                return torch.div(x, self.scale[0], out=out)
            return x.float() if out is None else out.copy_(x)
        if len(self.shift) == len(self.scale) == 1:  # uint8 − float is float32, in one pass
            return torch.sub(x if x.dtype == torch.uint8 else x.float(), self.shift[0], out=out).div_(self.scale[0])
        found = torch.sub(x.float(), x.new_tensor(self.shift, dtype=torch.float32), out=out)
        return found.div_(found.new_tensor(self.scale))

    def invert(self, z: Tensor) -> Tensor:
        """Inverse of `apply`: z ↦ z · scale + shift."""
        return z * z.new_tensor(self.scale) + z.new_tensor(self.shift)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Affine":
        return cls(tuple(stored["shift"]), tuple(stored["scale"]), tuple(stored.get("fill", ())))


def at_once(values: Tensor) -> int:
    """Number of examples (N, …) per chunk: the data may be larger than the memory."""
    return max(1, min(EXAMPLES_AT_ONCE, NUMBERS_AT_ONCE // max(1, prod(values.shape[1:]))))


def slices(values: Tensor, indices: Tensor) -> Iterator[Tensor]:
    """The examples at `indices`, in chunks."""
    for some in torch.split(indices, at_once(values)):
        yield values.index_select(0, some)


def fit_pictures(kind: Normalise, inputs: Tensor, train: Tensor) -> Affine:
    """`unit` divides by 255, `standard` centres by the one mean and spread of the training pictures.

    Inputs (N, C, H, W), of which those at `train` (n,) count.
    """
    if kind == "none":
        return Affine()
    if kind == "unit":
        return Affine(scale=(255.0,))
    count = len(train) * prod(inputs.shape[1:])
    mean = sum(float(some.double().sum()) for some in slices(inputs, train)) / count
    squares = sum(float((some.double() - mean).square().sum()) for some in slices(inputs, train))
    return Affine((mean,), (sqrt(squares / count) or 1.0,))


def fit_columns(kind: Scale, values: Tensor, train: Tensor) -> Affine:
    """`standard` gives each column mean 0 and spread 1 over the training part; values (N, D), or (N,) for a target.

    What is missing (NaN) counts as the mean of its column, and in neither mean nor spread. A constant column keeps its
    scale, since dividing by a spread of zero would give NaN; one of which nothing is known has mean 0.
    """
    columns = values.reshape(len(values), -1)
    is_missing = any(bool(some.isnan().any()) for some in torch.split(columns, at_once(columns)))
    if kind == "none" and not is_missing:
        return Affine()
    zero = torch.zeros(columns.shape[1], dtype=torch.float64)
    known = sum(((~some.isnan()).sum(0) for some in slices(columns, train)), zero).clamp(min=1)
    mean = sum((some.double().nansum(0) for some in slices(columns, train)), zero) / known
    fill = tuple(mean.tolist()) if is_missing else ()
    if kind == "none":
        return Affine(fill=fill)
    squares = sum(((some.double() - mean).square().nansum(0) for some in slices(columns, train)), zero)
    spread = (squares / known).sqrt()
    spread[spread <= CONSTANT * mean.abs()] = 1.0
    return Affine(tuple(mean.tolist()), tuple(spread.tolist()), fill)


def fit_border(pictures: Tensor, train: Tensor) -> float:
    """Mean brightness of the outermost pixels of the training pictures: 0 for a black border."""
    return sum(float(border(some).sum()) for some in slices(pictures, train)) / len(train)


def border(pictures: Tensor) -> Tensor:
    """The mean brightness of each picture's outermost pixels; (N, C, H, W) to (N,)."""
    edges = (pictures[..., 0, :], pictures[..., -1, :], pictures[..., :, 0], pictures[..., :, -1])
    return torch.cat([edge.double().flatten(1) for edge in edges], 1).mean(1)
