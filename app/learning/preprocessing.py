"""Preprocessing of inputs and targets, fitted on the training part and stored with the weights.

Training and serving use the same code.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from math import prod, sqrt
from typing import Any, Literal

import torch
from torch import Tensor

from app.learning.operators import OperatorGraph

Normalise = Literal["unit", "standard", "none"]
Scale = Literal["standard", "none"]

EXAMPLES_AT_ONCE, NUMBERS_AT_ONCE = 4096, 2**20
MARGINS, INK = 4096, 24.0  # pictures whose margin is measured; gray levels that ink differs at least
CONSTANT = 1e-9  # a standard deviation below this fraction of the mean is rounding noise: float32 cannot represent it


@dataclass(frozen=True)
class Affine:
    """x ↦ (x − shift) / scale, with one shift and scale for pictures, or one per column for tables.

    `fill` has each column's replacement for NaN; it is empty if no value is missing.
    """

    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)
    fill: tuple[float, ...] = ()

    def filled(self, x: Tensor) -> Tensor:
        """x (…, columns) without NaN, if values may be missing."""
        return torch.where(x.isnan(), x.new_tensor(self.fill), x) if self.fill else x

    def apply(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Fill, shift and scale x (N, …) as float32; writes the result to `out` if given."""
        x = self.filled(x)
        if self.shift == (0.0,):  # uint8 / float is float32, in one pass
            if self.scale != (1.0,):
                return torch.div(x, self.scale[0], out=out)
            return x.float() if out is None else out.copy_(x)
        if len(self.shift) == len(self.scale) == 1:  # uint8 − float is float32, in one pass
            return torch.sub(x if x.dtype == torch.uint8 else x.float(), self.shift[0], out=out).div_(self.scale[0])
        centred = torch.sub(x.float(), x.new_tensor(self.shift, dtype=torch.float32), out=out)
        return centred.div_(centred.new_tensor(self.scale))

    def invert(self, z: Tensor) -> Tensor:
        """Inverse of `apply`: z ↦ z · scale + shift."""
        return z * z.new_tensor(self.scale) + z.new_tensor(self.shift)

    def operators(self, graph: OperatorGraph, x: str) -> str:
        """Append `apply` for the float32 value `x` to the graph; returns the name of the output."""
        if self.fill:
            x = graph.apply("Where", graph.apply("IsNaN", x), torch.tensor(self.fill), x)
        if any(self.shift):
            x = graph.apply("Sub", x, torch.tensor(self.shift))
        return graph.apply("Div", x, torch.tensor(self.scale))

    def inverse_operators(self, graph: OperatorGraph, z: str) -> str:
        """Append `invert` for the value `z` to the graph; returns the name of the output."""
        return graph.apply("Add", graph.apply("Mul", z, torch.tensor(self.scale)), torch.tensor(self.shift))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Affine":
        return cls(tuple(stored["shift"]), tuple(stored["scale"]), tuple(stored.get("fill", ())))


def at_once(values: Tensor) -> int:
    """Number of examples (N, …) per chunk, since the data may be larger than the memory."""
    return max(1, min(EXAMPLES_AT_ONCE, NUMBERS_AT_ONCE // max(1, prod(values.shape[1:]))))


def slices(values: Tensor, indices: Tensor) -> Iterator[Tensor]:
    """The examples at `indices`, in chunks."""
    for chunk in torch.split(indices, at_once(values)):
        yield values.index_select(0, chunk)


def fit_pictures(kind: Normalise, inputs: Tensor, train: Tensor) -> Affine:
    """Fit the normalisation of pictures (N, C, H, W), uint8, to those at the indices `train` (n,).

    `unit` divides by 255. `standard` uses one mean and one standard deviation over all pixels of the training pictures.
    """
    if kind == "none":
        return Affine()
    if kind == "unit":
        return Affine(scale=(255.0,))
    none = torch.zeros(256, dtype=torch.int64)
    counts = sum((torch.bincount(chunk.flatten(), minlength=256) for chunk in slices(inputs, train)), none)
    brightness = torch.arange(256)
    pixels, total, squares = (int((counts * brightness**power).sum()) for power in (0, 1, 2))  # exact integers
    return Affine((total / pixels,), (sqrt(pixels * squares - total**2) / pixels or 1.0,))


def fit_columns(kind: Scale, values: Tensor, train: Tensor) -> Affine:
    """Fit the scaling of columns (N, D), or of a target (N,), to the rows at the indices `train`.

    `standard` gives each column mean 0 and standard deviation 1. Missing values (NaN) are replaced by the column's mean
    and do not count in its statistics. A constant column keeps its scale, since division by a standard deviation of 0
    would give NaN. A column without any known value has mean 0.
    """
    columns = values.reshape(len(values), -1)
    is_missing = any(bool(chunk.isnan().any()) for chunk in torch.split(columns, at_once(columns)))
    if kind == "none" and not is_missing:
        return Affine()
    zero = torch.zeros(columns.shape[1], dtype=torch.float64)
    known = sum(((~chunk.isnan()).sum(0) for chunk in slices(columns, train)), zero).clamp(min=1)
    mean = sum((chunk.double().nansum(0) for chunk in slices(columns, train)), zero) / known
    fill = tuple(mean.tolist()) if is_missing else ()
    if kind == "none":
        return Affine(fill=fill)
    squares = sum(((chunk.double() - mean).square().nansum(0) for chunk in slices(columns, train)), zero)
    spread = (squares / known).sqrt()
    spread[spread <= CONSTANT * mean.abs()] = 1.0
    return Affine(tuple(mean.tolist()), tuple(spread.tolist()), fill)


def fit_border(pictures: Tensor, train: Tensor) -> float:
    """Mean brightness of the outermost pixels of the training pictures: 0 for a black border."""
    return sum(float(border(chunk).sum()) for chunk in slices(pictures, train)) / len(train)


def fit_margin(pictures: Tensor, train: Tensor) -> float:
    """Median margin around the ink of the training pictures, on each side, as a fraction of the ink's longer side.

    Ink is what differs from the median of the edges by over half of the greatest difference. 0 if there is none.
    """
    margins = torch.cat([_margins(chunk) for chunk in slices(pictures, train[:MARGINS])])
    return round(float(margins.median()), 3) if len(margins) else 0.0


def _margins(pictures: Tensor) -> Tensor:
    """Margins of the pictures (N, C, H, W) that have ink: (M,)."""
    gray = pictures.double().mean(1)
    edges = torch.cat([gray[:, 0, :], gray[:, -1, :], gray[:, :, 0], gray[:, :, -1]], 1)
    difference = (gray - edges.median(1).values[:, None, None]).abs()
    greatest = difference.amax((1, 2))
    ink = (difference > greatest[:, None, None] / 2)[greatest >= INK]
    height, width = _extent(ink.any(2)), _extent(ink.any(1))
    sides = torch.maximum(height / gray.shape[1], width / gray.shape[2])  # of the picture's own sides
    return (1 / sides - 1) / 2


def _extent(occupied: Tensor) -> Tensor:
    """Number of places from the first to the last True of each row: (N, L) to (N,)."""
    places = torch.arange(1, 1 + occupied.shape[1])
    last = torch.where(occupied, places, 0).amax(1)
    first = torch.where(occupied, places, occupied.shape[1] + 1).amin(1)
    return (last - first + 1).double()


def border(pictures: Tensor) -> Tensor:
    """Mean brightness of each picture's outermost pixels: (N, C, H, W) to (N,)."""
    edges = (pictures[..., 0, :], pictures[..., -1, :], pictures[..., :, 0], pictures[..., :, -1])
    return torch.cat([edge.double().flatten(1) for edge in edges], 1).mean(1)
