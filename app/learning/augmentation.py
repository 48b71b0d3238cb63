"""Augmentation: random changes to each training picture, so that the network rarely sees the same picture twice.

Only training batches are changed; evaluation, diagnostics and predictions use the original pictures. A run's script
contains the functions verbatim.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.preprocessing import Affine
from app.learning.source import Code, Source, call

WHITE = 255  # brightness of a white pixel before preprocessing


def moved(x: Tensor, draws: torch.Generator, shift: float, rotate: float, scale: float) -> Tensor:
    """Rotate, scale and shift each of the pictures x (N, C, H, W) at random.

        x'(p) = x(A(p - t)),  A = R(-angle) / s
        angle in ± rotate degrees, s in 1 ± scale, t in ± shift of each side

    Edge pixels are repeated beyond the edge: a black background stays black, a
    white one white.
    """
    u = 2 * torch.rand(4, len(x), 1, generator=draws) - 1
    angle, s = torch.deg2rad(rotate * u[0]), 1 + scale * u[1]
    t = 2 * shift * u[2:].transpose(0, 1)  # PyTorch's coordinates go from -1 to 1
    cos, sin, aspect = angle.cos() / s, angle.sin() / s, x.shape[3] / x.shape[2]
    A = torch.cat([cos, sin / aspect, -sin * aspect, cos], 1).view(-1, 2, 2)
    affine = torch.cat([A, -A @ t], 2).to(x)
    grid = F.affine_grid(affine, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def erased(x: Tensor, draws: torch.Generator, share: float) -> Tensor:
    """Replace a random rectangle of each picture x (N, C, H, W) by the picture's mean.

        height = √(area·r),  width = √(area / r),  area in 0…share,  r in 1/2…2

    After Zhong et al. 2017, https://arxiv.org/abs/1708.04896.
    """
    u = torch.rand(4, len(x), 1, generator=draws)
    area, r = share * u[0], 2 ** (2 * u[1] - 1)
    height, width = (area * r).sqrt(), (area / r).sqrt()
    top, left = (1 - height) * u[2], (1 - width) * u[3]
    i, j = ((torch.arange(n) + 0.5) / n for n in x.shape[2:])  # pixel centres
    rows, columns = (top <= i) & (i < top + height), (left <= j) & (j < left + width)
    rectangle = (rows[:, :, None] & columns[:, None, :]).unsqueeze(1).to(x.device)
    return torch.where(rectangle, x.mean((2, 3), keepdim=True), x)


def noisy(x: Tensor, draws: torch.Generator, spread: float) -> Tensor:
    """Add noise to each number: x + spread·ε, ε ~ N(0, 1)."""
    return x + torch.randn(x.shape, generator=draws).to(x) * spread


@dataclass(frozen=True)
class Augmentation:
    """Random changes to each picture of a training batch; at least one field is above 0."""

    shift: float = bounded(0.0, doc="shifted across and down by up to this fraction of each side", ge=0, le=0.5)
    rotate: float = bounded(0.0, doc="rotated by up to this many degrees in either direction", ge=0, le=180)
    scale: float = bounded(
        0.0, doc="enlarged or shrunk by up to this fraction: 0.1 gives 0.9 to 1.1 times the size", ge=0, le=0.5
    )
    noise: float = bounded(
        0.0, doc="noise with this standard deviation is added to each pixel; black is 0, white is 1", ge=0, le=1
    )
    erase: float = bounded(
        0.0, doc="a random rectangle of up to this fraction of the area is filled with the picture's mean", ge=0, le=0.5
    )

    constraint: ClassVar[dict[str, Any]] = {
        "not": {"properties": {field: {"const": 0} for field in ("shift", "rotate", "scale", "noise", "erase")}}
    }

    def __post_init__(self) -> None:
        fields = asdict(self)
        if not any(fields.values()):
            raise InvalidChoice("augment_changes_nothing", fields=list(fields))

    def apply(self, x: Tensor, prepare: Affine, draws: torch.Generator) -> Tensor:
        """Augment prepared pictures (N, C, H, W). Except for the noise, the changes commute with `prepare`.

        `draws` is a generator on the CPU, so that every device sees the same pictures.
        """
        for step, how in self._steps(self.noise * WHITE / prepare.scale[0]):
            x = step(x, draws, **how)
        return x

    def source(self, spread: str) -> Source:
        """Code of the changes over `x` and `draws`, one line each.

        `spread` is code for the standard deviation of the noise after preprocessing.
        """
        steps = list(self._steps(Code(spread)))
        code = (call(step.__name__, Code("x"), Code("draws"), **how) for step, how in steps)
        return Source(tuple(code), tuple(step for step, _ in steps))

    def _steps(self, spread: float | Code) -> Iterator[tuple[Callable[..., Tensor], dict[str, Any]]]:
        """Changes with an effect, with their arguments. The noise comes last, so erased pixels get it too."""
        if self.shift or self.rotate or self.scale:
            yield moved, {"shift": self.shift, "rotate": self.rotate, "scale": self.scale}
        if self.erase:
            yield erased, {"share": self.erase}
        if self.noise:
            yield noisy, {"spread": spread}
