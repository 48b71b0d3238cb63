"""What is done to inputs before the network and to predictions after it: fitted on the training part, kept with the
weights, and applied by this one piece of code in training and in serving."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

Normalise = Literal["unit", "standard", "none"]
Scale = Literal["standard", "none"]


@dataclass(frozen=True)
class Affine:
    """x ↦ (x − shift) / scale; one number for pictures, one a column for tables."""

    shift: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    def apply(self, x: Tensor) -> Tensor:
        """x as float32, shifted and scaled; (N, …) in and out."""
        if self.shift == (0.0,):
            return x.float() if self.scale == (1.0,) else x / self.scale[0]  # uint8 / float is float32, in one pass
        x = x.float()
        return (x - x.new_tensor(self.shift)) / x.new_tensor(self.scale)

    def invert(self, z: Tensor) -> Tensor:
        """The way back: z ↦ z · scale + shift."""
        return z * z.new_tensor(self.scale) + z.new_tensor(self.shift)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "Affine":
        return cls(tuple(stored["shift"]), tuple(stored["scale"]))


def fit_pictures(kind: Normalise, inputs: Tensor) -> Affine:
    """`unit` divides by 255, `standard` centres by the one mean and spread of the inputs (N, C, H, W)."""
    if kind == "none":
        return Affine()
    if kind == "unit":
        return Affine(scale=(255.0,))
    spread, mean = torch.std_mean(inputs.float(), correction=0)
    return Affine((float(mean),), (float(spread) or 1.0,))


def fit_columns(kind: Scale, values: Tensor) -> Affine:
    """`standard` gives each column mean 0 and spread 1 over the training part; values (N, D), or (N,) for a target.

    A constant column keeps its scale, since dividing by a spread of zero would give NaN.
    """
    if kind == "none":
        return Affine()
    columns = values.double().reshape(len(values), -1)
    spread, mean = torch.std_mean(columns, dim=0, correction=0)
    spread[spread == 0] = 1.0
    return Affine(tuple(mean.tolist()), tuple(spread.tolist()))
