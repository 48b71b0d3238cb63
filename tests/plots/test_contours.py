"""Plots of paths fit those that stay, whatever the others do."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.insight.surfaces.functions import SURFACES, Rosenbrock
from app.insight.surfaces.trajectory import Path, gaussian_noise, walk
from app.learning.optimizers import optimizer_from_json
from app.plots.contours import _cut, _leaves, _top, _view, draw


def path(surface: Any, steps: int = 30, noise: float = 0.0, **optimizer: Any) -> Path:
    return walk(surface, surface.start, optimizer_from_json(optimizer), gaussian_noise(noise, steps, 0))


def test_a_path_that_diverges_is_cut_and_does_not_stretch_the_picture() -> None:
    calm, wild = path(Rosenbrock(), name="sgd", lr=0.001), path(Rosenbrock(), name="sgd", lr=0.01)
    assert not _leaves(calm) and _leaves(wild) and max(wild.values) > 1e30
    alone, both = (_view(Rosenbrock(), Rosenbrock.start, paths) for paths in ([calm], [calm, wild]))
    assert np.array_equal(alone, both) and _top([calm, wild]) == _top([calm]) == max(calm.values)
    points, values = _cut(wild, both, _top([calm]))
    assert values[-1] == _top([calm]) and both.holds(points[:-1]).all()
    edges = np.concatenate([both.low, both.high])
    assert np.isclose(points[-1][:, None], edges.reshape(2, 2).T).any()
    kept, same = _cut(calm, both, _top([calm]))
    assert kept.tolist() == [list(point) for point in calm.points] and same.tolist() == calm.values


@pytest.mark.parametrize("surface", SURFACES)
@settings(max_examples=2, deadline=None)
@given(lr=st.floats(1e-9, 1e9), noise=st.sampled_from([0.0, 1e-9, 1e9]))
def test_whatever_the_paths_do_they_are_drawn_without_a_warning(surface: str, lr: float, noise: float) -> None:
    entry = SURFACES[surface]()
    paths = {name: path(entry, 8, noise, name=name, lr=lr) for name in ("sgd", "adam")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert draw(entry, paths, "svg").startswith(b"<?xml")
