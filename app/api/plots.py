"""The curve as the lecture draws it: title, axis labels and grid; what is not finite is a marked gap."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from app.errors import Conflict
from app.storage.curves import Series

Format = Literal["png", "svg"]
MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "svg": "image/svg+xml"}

TITLE = 60  # characters that fit
UNITS = {"mse": "mse (target's units²)", "mae": "mae (target's units)", "mape": "mape (a fraction)"}
FAR_APART = 1000.0  # a loss that goes over so many times its median is drawn on a logarithmic axis


Along = Literal["step", "epoch", "second"]


class Axis(NamedTuple):
    """What a curve goes along, and how many steps one of it has."""

    name: Along
    steps: float


STEPS = Axis("step", 1)


def axis_of(progress: Mapping[str, Any], along: Along) -> Axis:
    """For a run that has come so far. A second is one of its training at its mean pace. Raises Conflict."""
    if along == "step":
        return STEPS
    seconds = progress.get("seconds")
    steps = progress.get("steps_per_epoch") if along == "epoch" else seconds and progress["step"] / seconds
    if not steps:
        raise Conflict(f"how many steps one {along} has is known once the run has begun; take axis=step")
    return Axis(along, steps)


def draw(series: dict[str, Series], title: str, format: Format, along: Axis = STEPS) -> bytes:
    """Series named `part.metric`. Loss and accuracy share a panel, on its left and its right axis; each other metric
    has one of its own, since its numbers are of another size."""
    metrics = sorted({metric_of(name) for name in series}, key=lambda metric: (metric != "loss", metric))
    share = set(metrics) <= {"loss", "accuracy"}
    count = 1 if share else len(metrics)
    columns = 1 if count == 1 else 2
    rows = -(-count // columns)
    figure = Figure(figsize=(8, 4.5 if rows == 1 else 2.6 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    panels: list[Axes] = list(grid.flat)
    for unused in panels[count:]:
        unused.remove()
    axes_of = dict(zip(metrics, panels, strict=False))
    if share and len(metrics) == 2:
        axes_of["accuracy"] = panels[0].twinx()
    for panel in panels[:count]:
        panel.set(xlabel=along.name)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(alpha=0.3)
    for metric, axes in axes_of.items():
        axes.set(ylabel=UNITS.get(metric, metric))
    cut = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    figure.suptitle(cut, parse_math=False)  # a name may hold a $
    lines: dict[str, Any] = {}
    for name, points in sorted(series.items()):
        part, metric = name.partition(".")[0], metric_of(name)
        color, style = "C0" if part == "train" else "C1", "--" if metric == "accuracy" else "-"
        line = _plot(axes_of[metric], points, along, color, style)
        lines.setdefault(name if share else part, line)
        if not np.isfinite(points.values).all():
            lines["not finite"] = panels[0].plot([], [], color="red", linewidth=4, alpha=0.3)[0]
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=5, fontsize=8)
    return drawn(figure, format)


def draw_together(series: dict[str, tuple[Series, Axis]], title: str, format: Format) -> bytes:
    """The same series of several runs, by what to call them, each along its own steps, epochs or seconds: what is noisy
    as a thin line, its running mean over it; what is not finite as a gap in its colour."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=next((along.name for _, along in series.values()), "step"), ylabel=metric_of(title))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.suptitle(title)
    for number, (name, (points, along)) in enumerate(series.items()):
        finite = np.isfinite(points.values)
        x = points.steps / along.steps
        known_x, known = x[finite], points.values[finite]
        color, window = f"C{number}", max(1, len(known) // 50)
        if window > 1:
            axes.plot(known_x, known, color=color, linewidth=0.5, alpha=0.3)
        smooth = np.convolve(known, np.full(window, 1 / window), "valid") if len(known) else known
        axes.plot(known_x[window - 1 :], smooth, color=color, linewidth=1.5, label=name)
        for first, last in _gaps(x, finite):
            axes.axvspan(first, last, color=color, alpha=0.15, linewidth=0)
            axes.axvline(first, color=color, alpha=0.6, linewidth=1, linestyle=":")
    if series:
        figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    return drawn(figure, format)


def drawn(figure: Figure, format: Format) -> bytes:
    """The picture's bytes."""
    file = io.BytesIO()
    figure.savefig(file, format=format, dpi=110)
    return file.getvalue()


def optimizer_label(optimizer: dict[str, Any]) -> str:
    """What to call a resolved optimizer in a picture."""
    formulas = ", the lecture's" if optimizer.get("formulas") == "lecture" else ""
    return f"{optimizer['name']}{formulas}, lr {optimizer['lr']:g}"


def metric_of(name: str) -> str:
    return name.rpartition(".")[2]


def _plot(axes: Axes, points: Series, along: Axis, color: str, linestyle: str) -> Any:
    finite = np.isfinite(points.values)
    known = points.values[finite]
    if len(known) and known.min() > 0 and known.max() > FAR_APART * np.median(known):
        axes.set_yscale("log")
    many = len(points.steps) > 50
    x = points.steps / along.steps
    (line,) = axes.plot(
        x,
        np.where(finite, points.values, np.nan),
        color=color,
        linewidth=0.7 if many else 1.5,
        linestyle=linestyle,
        marker=None if many else ".",
    )
    for first, last in _gaps(x, finite):
        axes.axvspan(first, last, color="red", alpha=0.15, linewidth=0)
        axes.axvline(first, color="red", alpha=0.4, linewidth=1)
    return line


def _gaps(x: NDArray[np.float64], finite: NDArray[np.bool_]) -> Iterator[tuple[float, float]]:
    """Where each stretch that is not finite begins and ends; up to a hundred."""
    edges = np.diff(np.concatenate([[True], finite, [True]]).astype(np.int8))
    firsts, lasts = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1) - 1
    yield from zip(x[firsts[:100]].tolist(), x[lasts[:100]].tolist(), strict=True)
