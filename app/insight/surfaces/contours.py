"""Regions of the plane where a surface is at most at a level. Their edges are its contour lines."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from app.insight.surfaces.functions import Point, Surface

COLUMNS = 240  # of the grid on which the surface is sampled
RATIOS = (0.25, 4.0)  # of the height of the grid to its width
DEEP = 2e-3  # the lowest level, in parts of the surface's median
DIGITS = 4  # of coordinates, in parts of the width


@dataclass(frozen=True)
class Region:
    """Closed rings of points around the places at most at `level`. A ring within another one is a hole."""

    level: float
    rings: list[list[Point]]


def regions(surface: Surface, low: Point, high: Point, levels: int) -> list[Region]:
    """Regions between two corners, from the highest level to the lowest: each lies within the one before.

    The levels are geometric, so there are as many near the minimum as far above it.
    """
    from contourpy import FillType, contour_generator

    width, height = high[0] - low[0], high[1] - low[1]
    rows = round(COLUMNS * float(np.clip(height / width, *RATIOS)))
    x, y = np.linspace(low[0], high[0], COLUMNS), np.linspace(low[1], high[1], rows)
    values = np.asarray(surface.value(*np.meshgrid(x, y)))  # type: ignore[type-var]
    # Between the samples the root of a surface is nearly straight, up to a narrow ravine.
    sampled = contour_generator(x, y, np.sqrt(values), fill_type=FillType.OuterOffset)
    digits = DIGITS - int(np.floor(np.log10(width)))
    found = []
    for level in np.geomspace(values.max(), DEEP * np.median(values), levels + 1)[1:].tolist():
        below: Any = sampled.filled(-1.0, level**0.5)  # no value is below 0
        rings = [
            [(x, y) for x, y in ring.round(digits).tolist()]
            for outline, offsets in zip(*below, strict=True)
            for ring in np.split(outline, offsets[1:-1])
        ]
        found.append(Region(level, rings))
    return found
