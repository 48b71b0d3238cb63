"""Training pictures changed a little, each by a draw of its own, so that the network hardly sees one twice.

Only what it learns from is changed: what is measured, looked at or predicted stays as it is. The functions stand in a
run's script as they stand here.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.preprocessing import Affine
from app.learning.source import Code, Source, call

WHITE = 255  # the brightest that a pixel can be before it is prepared


def moved(x: Tensor, draws: torch.Generator, shift: float, rotate: float, scale: float) -> Tensor:
    """Pictures x (N, C, H, W), each rotated, scaled and shifted.

        x'(p) = x(A(p - t)),  A = R(-angle) / s
        angle in ± rotate degrees, s in 1 ± scale, t in ± shift of each side

    Beyond its edge a picture goes on as it is there: a black ground stays black, a
    white one white.
    """
    u = 2 * torch.rand(4, len(x), 1, generator=draws) - 1
    angle, s = torch.deg2rad(rotate * u[0]), 1 + scale * u[1]
    t = 2 * shift * u[2:].transpose(0, 1)  # for PyTorch a side goes from -1 to 1
    cos, sin, aspect = angle.cos() / s, angle.sin() / s, x.shape[3] / x.shape[2]
    A = torch.cat([cos, sin / aspect, -sin * aspect, cos], 1).view(-1, 2, 2)
    affine = torch.cat([A, -A @ t], 2).to(x)
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def erased(x: Tensor, draws: torch.Generator, share: float) -> Tensor:
    """Pictures x (N, C, H, W), each with its mean in a rectangle somewhere.

        height = √(area·r),  width = √(area / r),  area in 0…share,  r in 1/2…2

    After Zhong et al. 2017, https://arxiv.org/abs/1708.04896.
    """
    u = torch.rand(4, len(x), 1, generator=draws)
    area, r = share * u[0], 2 ** (2 * u[1] - 1)
    height, width = (area * r).sqrt(), (area / r).sqrt()
    top, left = (1 - height) * u[2], (1 - width) * u[3]
    i, j = ((torch.arange(n) + 0.5) / n for n in x.shape[2:])  # the pixels' middles
    rows, columns = (top <= i) & (i < top + height), (left <= j) & (j < left + width)
    rectangle = (rows[:, :, None] & columns[:, None, :]).unsqueeze(1).to(x.device)
    return torch.where(rectangle, x.mean((2, 3), keepdim=True), x)


def noisy(x: Tensor, draws: torch.Generator, spread: float) -> Tensor:
    """x + spread·ε, where each number has an ε of its own from N(0, 1)."""
    return x + torch.randn(x.shape, generator=draws).to(x) * spread


@dataclass(frozen=True)
class Augmentation:
    """Changes to each picture of a training batch; at least one field is above 0."""

    shift: float = bounded(0.0, doc="is moved across and down, by up to this share of the side each", ge=0, le=0.5)
    rotate: float = bounded(0.0, doc="is turned by up to so many degrees, either way", ge=0, le=180)
    scale: float = bounded(
        0.0, doc="is made larger or smaller, by up to this share: with 0.1 it has 0.9 to 1.1 of its size", ge=0, le=0.5
    )
    noise: float = bounded(
        0.0, doc="gets noise on each pixel, with this standard deviation; black is 0 and white 1", ge=0, le=1
    )
    erase: float = bounded(
        0.0, doc="loses a rectangle of up to this share of its area, somewhere: its mean stands there", ge=0, le=0.5
    )

    def __post_init__(self) -> None:
        fields = asdict(self)
        if not any(fields.values()):
            raise InvalidChoice("augment_changes_nothing", fields=list(fields))

    def apply(self, x: Tensor, prepare: Affine, draws: torch.Generator) -> Tensor:
        """Prepared pictures (N, C, H, W) as the network sees them in training. The result is the same before
        and after `prepare`, but for the noise.

        `draws` is on the CPU, so that every device sees the same pictures.
        """
        for step, how in self._steps(self.noise * WHITE / prepare.scale[0]):
            x = step(x, draws, **how)
        return x

    def source(self, spread: str) -> Source:
        """The changes as code over `x` and `draws`, one line a step; `spread` is the noise's, after the preparation."""
        steps = list(self._steps(Code(spread)))
        code = (call(step.__name__, Code("x"), Code("draws"), **how) for step, how in steps)
        return Source(tuple(code), tuple(step for step, _ in steps))

    def _steps(self, spread: float | Code) -> Iterator[tuple[Callable[..., Tensor], dict[str, Any]]]:
        """Changes with an effect, with their arguments. The noise comes last: erased pixels have it too."""
        if self.shift or self.rotate or self.scale:
            yield moved, {"shift": self.shift, "rotate": self.rotate, "scale": self.scale}
        if self.erase:
            yield erased, {"share": self.erase}
        if self.noise:
            yield noisy, {"spread": spread}
