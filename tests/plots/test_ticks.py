"""Labels of ticks never run together, whatever an axis shows, and an empty panel says why."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from app.plots.curves import draw
from app.plots.ticks import thin_out
from app.storage.series import Series


def spans(axis: Axis, direction: int) -> list[tuple[float, float]]:
    """First and last pixels of the labels that are drawn."""
    low, high = sorted(axis.get_view_interval())
    boxes = [
        tick.label1.get_window_extent().extents
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks())
        if tick.label1.get_text() and low <= tick.get_loc() <= high
    ]
    return sorted((box[direction], box[direction + 2]) for box in boxes)


@settings(max_examples=15, deadline=None)
@given(
    steps=st.integers(1, 10**9),
    low=st.floats(1e-12, 1e12),
    factor=st.sampled_from([1.0, 1.1, 3.0, 30.0, 1e9]),
    width=st.floats(2, 8),
    scale=st.sampled_from(["linear", "log"]),
)
@example(steps=3000, low=0.5, factor=2.0, width=3.0, scale="linear")
@example(steps=30, low=3.0, factor=10.0, width=3.0, scale="log")
def test_labels_have_room(steps: int, low: float, factor: float, width: float, scale: str) -> None:
    figure = Figure(figsize=(width, 2.5), layout="constrained")
    axes = figure.subplots()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.plot([1, steps], [low, low * factor])
    axes.set_yscale(scale)
    thin_out(figure)
    figure.draw_without_rendering()
    for axis, direction in ((axes.xaxis, 0), (axes.yaxis, 1)):
        assert all(last < first for (_, last), (first, _) in pairwise(spans(axis, direction)))
    assert spans(axes.xaxis, 0) and len(spans(axes.yaxis, 1)) >= (scale == "linear")


@pytest.mark.parametrize(
    ("values", "sentence"), [([np.nan, np.inf], b"not finite in any step"), ([], b"not known yet"), ([1.0, 0.5], b"")]
)
def test_an_empty_panel_says_why(values: list[float], sentence: bytes) -> None:
    import matplotlib as mpl

    points = Series(np.arange(1, len(values) + 1), np.array(values))
    series = {name: points for name in ("train.loss", "train.mse", "train.r2")}
    with mpl.rc_context({"svg.fonttype": "none"}):  # texts stay texts
        picture = draw(series, "x", "svg")
    told = [b"%s is %s" % (metric, sentence) in picture for metric in (b"loss", b"mse", b"r2")]
    assert all(told) if sentence else b"not finite" not in picture and b"not known" not in picture
