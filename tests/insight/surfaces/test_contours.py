"""Regions of a surface below levels."""

import numpy as np
import pytest

from app.insight.surfaces.contours import Region, regions
from app.insight.surfaces.functions import SURFACES, Quadratic, Surface, surface_from_json

LEVELS = 12


def holds(region: Region, x: float, y: float) -> bool:
    """True if a point is in the region, by the even-odd rule."""
    crossed = 0
    for ring in region.rings:
        for (x1, y1), (x2, y2) in zip(ring, ring[1:] + ring[:1], strict=True):
            if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
                crossed += 1
    return crossed % 2 == 1


@pytest.mark.parametrize("surface", [surface_from_json({"name": name}) for name in SURFACES], ids=repr)
def test_a_point_is_in_the_regions_whose_level_it_does_not_exceed(surface: Surface) -> None:
    (left, bottom), (right, top) = surface.view
    found = regions(surface, *surface.view, LEVELS)
    levels = [region.level for region in found]
    assert len(found) == LEVELS and levels == sorted(levels, reverse=True)
    for x, y in np.random.default_rng(0).uniform((left, bottom), (right, top), (50, 2)).tolist():
        value = surface.value(x, y)
        for region in found:
            if abs(value - region.level) > 0.2 * region.level:  # not next to the line
                assert holds(region, x, y) == (value < region.level), (x, y, region.level)


def test_the_contours_of_a_round_bowl_are_circles() -> None:
    for region in regions(Quadratic(condition=1.0), (-4.0, -3.0), (4.0, 3.0), LEVELS):
        radius = (2 * region.level) ** 0.5
        if radius < 3:
            (ring,) = region.rings
            assert np.hypot(*np.transpose(ring)) == pytest.approx(radius, abs=0.01)


@pytest.mark.parametrize("name", SURFACES)
def test_a_view_shows_the_start_and_the_minima(name: str) -> None:
    surface = SURFACES[name]
    (left, bottom), (right, top) = surface.view
    assert (right - left) / (top - bottom) == pytest.approx(4 / 3)
    for x, y in (surface.start, *surface.minima):
        assert left < x < right and bottom < y < top
