"""Path of an optimizer down a surface, in float64, with the optimizers that train networks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import Parameter

from app.insight.surfaces.functions import Point, Surface
from app.learning.optimizers import Optimizer

FARTHEST = 1e100  # the square of a larger number, which plots compute, may not be finite


@dataclass(frozen=True)
class Spike:
    """An outlier: in one step the surface's gradient is `factor` times what it is."""

    step: int  # counted from 1
    factor: float


@dataclass(frozen=True)
class Path:
    """The start and the point after each step, with the surface's values; all are at most `FARTHEST`.

    diverged: True if a step led farther, or to NaN. The path ends before that step.
    """

    points: list[Point]
    values: list[float]
    diverged: bool


def gaussian_noise(std: float, steps: int, seed: int) -> list[Point]:
    """Gradient noise of each step, normally distributed, and equal for all optimizers."""
    numbers = torch.Generator().manual_seed(seed)
    drawn = std * torch.randn(steps, 2, generator=numbers, dtype=torch.float64)
    return [(x, y) for x, y in drawn.tolist()]


def walk(
    surface: Surface, start: Point, optimizer: Optimizer, noise: Sequence[Point], spike: Spike | None = None
) -> Path:
    """The path of an optimizer, with one step for each row of noise."""
    place, slope = np.array(start, np.float64), np.zeros(2)
    θ = Parameter(torch.from_numpy(place))  # shared memory: numpy is faster to read and write
    θ.grad = torch.from_numpy(slope)
    stepping = optimizer.build([θ])
    points, values = [start], [surface.value(*start)]
    for step, (noise_x, noise_y) in enumerate(noise, start=1):
        along_x, along_y = surface.gradient(*points[-1])
        factor = spike.factor if spike is not None and spike.step == step else 1.0
        slope[:] = factor * along_x + noise_x, factor * along_y + noise_y
        stepping.step()
        x, y = place.tolist()
        value = surface.value(x, y)
        if not max(abs(x), abs(y), abs(value)) <= FARTHEST:  # also if one is NaN
            return Path(points, values, diverged=True)
        points.append((x, y))
        values.append(value)
    return Path(points, values, diverged=False)
