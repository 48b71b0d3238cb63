"""Labels of ticks that have room, and sentences where nothing is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # matplotlib takes half a second to load
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

ROOM = 6.0  # pixels between two labels


def thin_out(figure: "Figure") -> None:
    """Keep every second tick of an axis, or every third, and so on, where the labels would run together."""
    figure.draw_without_rendering()  # the labels and their places are known only now
    for axes in figure.axes:
        _thin_out(axes.xaxis, 0)
        _thin_out(axes.yaxis, 1)


def say_instead(axes: "Axes", sentence: str, height: float = 0.5) -> None:
    """Put a sentence into an empty panel, at a `height` from 0 to 1, in place of meaningless numbers."""
    axes.text(0.5, height, sentence, transform=axes.transAxes, ha="center", va="center", fontsize=9, wrap=True)
    axes.yaxis.set_ticks([])


def _thin_out(axis: "Axis", direction: int) -> None:
    from matplotlib.ticker import FixedLocator, NullFormatter

    places, spans = _labels(axis, direction, minor=False)
    between = _labels(axis, direction, minor=True)[1]
    if _overlap(np.concatenate([spans, between])):
        axis.set_minor_formatter(NullFormatter())
    stride = next((n for n in range(1, len(places)) if not _overlap(spans[::n])), 1)
    if stride > 1:
        axis.set_major_locator(FixedLocator(places[::stride]))


def _labels(axis: "Axis", direction: int, *, minor: bool) -> tuple[Sequence[float], NDArray[np.float64]]:
    """Places of the ticks in view that have a label, and the labels' first and last pixels in a direction (0: x)."""
    low, high = sorted(axis.get_view_interval())
    ticks = axis.get_minor_ticks() if minor else axis.get_major_ticks()
    shown = [
        (tick.get_loc(), label.get_window_extent())
        for tick in ticks
        for label in (tick.label1 if tick.label1.get_visible() else tick.label2,)
        if label.get_text() and low <= tick.get_loc() <= high
    ]
    spans = np.array([box.extents[direction::2] for _, box in shown]).reshape(-1, 2)
    return [place for place, _ in shown], spans


def _overlap(spans: NDArray[np.float64]) -> bool:
    """True if two of the labels are too close."""
    ordered = spans[spans[:, 0].argsort()]
    return bool((ordered[1:, 0] < ordered[:-1, 1] + ROOM).any())
