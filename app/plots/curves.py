"""Plots of curves in the lecture's style: title, axis labels and grid; non-finite values are marked gaps."""

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.errors import Conflict
from app.plots.texts import make_drawable
from app.plots.ticks import say_instead, thin_out
from app.storage.series import Series

if TYPE_CHECKING:  # matplotlib takes half a second to load: the first picture loads it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["png", "svg"]
MEDIA_TYPES: dict[Format, str] = {"png": "image/png", "svg": "image/svg+xml"}

TITLE = 60  # characters that fit
UNITS = {"mse": "mse (target's units²)", "mae": "mae (target's units)", "mape": "mape (a fraction)"}
FAR_APART = 1000.0  # if a line's median is this factor below the largest value, the axis is logarithmic
PARTS = ("train", "validation")
LINES = ("-", "--", ":", "-.")  # each for ten layers, since there are ten colours
LABELLED = ("name", "formulas", "lr")  # fields that every optimizer's label contains


Along = Literal["step", "epoch", "second"]


class Axis(NamedTuple):
    """The x-axis of a curve, and the number of steps in one unit."""

    name: Along
    steps: float


STEPS = Axis("step", 1)


def axis_of(progress: Mapping[str, Any], along: Along) -> Axis:
    """The x-axis for a run with this progress. Seconds assume the run's mean pace. Raises Conflict if unknown."""
    if along == "step":
        return STEPS
    seconds = progress.get("seconds")
    steps = progress.get("steps_per_epoch") if along == "epoch" else seconds and progress["step"] / seconds
    if not steps:
        raise Conflict("axis_not_known", axis=along)
    return Axis(along, steps)


def draw(series: dict[str, Series], title: str, format: Format, along: Axis = STEPS) -> bytes:
    """Draw series named `part.metric` or `layer.<layer>.measure`. Loss and accuracy alone share a panel with two
    y-axes. If there are other metrics, each metric has its own panel, because the scales differ."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

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
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1 if along == STEPS else 2))
        panel.grid(alpha=0.3)
    for metric, axes in axes_of.items():
        axes.set(ylabel=UNITS.get(metric, metric))
        _scale(axes, [points for name, points in series.items() if metric_of(name) == metric])
    for metric, axes in axes_of.items():
        known = [points.values for name, points in series.items() if metric_of(name) == metric]
        if not any(np.isfinite(values).any() for values in known):
            what = f"{metric} is not finite in any step" if any(map(len, known)) else f"{metric} is not known yet"
            say_instead(axes, what, 0.4 if share and metric == "accuracy" else 0.6)
    cut = title if len(title) <= TITLE else f"{title[: TITLE - 1]}…"
    figure.suptitle(cut, parse_math=False)  # a name may contain a $
    lines: dict[str, Any] = {}
    looks = _looks({owner_of(name) for name in series})
    order = list(looks)
    for name, points in sorted(series.items(), key=lambda item: (order.index(owner_of(item[0])), item[0])):
        owner, metric = owner_of(name), metric_of(name)
        color, style = looks[owner]
        line = _plot(axes_of[metric], points, along, color, "--" if metric == "accuracy" else style)
        lines.setdefault(name if share else _called(owner), line)
        if not np.isfinite(points.values).all():
            lines["not finite"] = panels[0].plot([], [], color="red", linewidth=4, alpha=0.3)[0]
    legend(figure, lines)
    return drawn(figure, format)


def draw_together(series: dict[str, tuple[Series, Axis]], title: str, format: Format) -> bytes:
    """Draw one series of several runs with labels, each against its own steps, epochs or seconds. A noisy curve is a
    thin line under its running mean; non-finite values are a gap in its colour."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=next((along.name for _, along in series.values()), "step"), ylabel=metric_of(title))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    figure.suptitle(title)
    _scale(axes, [points for points, _ in series.values()])
    lines: dict[str, Any] = {}
    for number, (name, (points, along)) in enumerate(series.items()):
        finite = np.isfinite(points.values)
        x = points.steps / along.steps
        known_x, known = x[finite], points.values[finite]
        color, window = f"C{number % 10}", max(1, len(known) // 50)
        style = LINES[number // 10 % len(LINES)]
        if window > 1:
            axes.plot(known_x, known, color=color, linewidth=0.5, alpha=0.3)
        smooth = np.convolve(known, np.full(window, 1 / window), "valid") if len(known) else known
        (lines[name],) = axes.plot(known_x[window - 1 :], smooth, color=color, linewidth=1.5, linestyle=style)
        for first, last in _gaps(x, finite):
            axes.axvspan(first, last, color=color, alpha=0.15, linewidth=0)
            axes.axvline(first, color=color, alpha=0.6, linewidth=1, linestyle=":")
    if not any(np.isfinite(points.values).any() for points, _ in series.values()):
        say_instead(axes, f"no run has a finite {metric_of(title)}")
    legend(figure, lines)
    return drawn(figure, format)


def legend(figure: "Figure", lines: Mapping[str, Any]) -> None:
    """Add a legend below the picture, with as many labels in a row as fit."""
    if lines:
        longest = 0.6 + 0.07 * max(map(len, lines))  # inches: the line sample and the text
        columns = max(1, min(5, int(figure.get_figwidth() / longest)))
        figure.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=columns, fontsize=8)


def drawn(figure: "Figure", format: Format) -> bytes:
    """Render the figure to bytes, with texts that an SVG may contain."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        make_drawable(text)
    thin_out(figure)
    file = io.BytesIO()
    figure.savefig(file, format=format, dpi=110)
    return file.getvalue()


def optimizer_labels(optimizers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Labels of resolved optimizers: the name, the learning rate, and the fields in which optimizers of one name
    differ."""
    return [_optimizer_label(one, [other for other in optimizers if other["name"] == one["name"]])
            for one in optimizers]  # fmt: skip


def _optimizer_label(optimizer: Mapping[str, Any], namesakes: Sequence[Mapping[str, Any]]) -> str:
    formulas = ", the lecture's" if optimizer.get("formulas") == "lecture" else ""
    differs = [
        f", {field} {f'{value:g}' if isinstance(value, float) else json.dumps(value)}"
        for field, value in optimizer.items()
        if field not in LABELLED and any(other.get(field, value) != value for other in namesakes)
    ]
    return f"{optimizer['name']}{formulas}, lr {optimizer['lr']:g}{''.join(differs)}"


def metric_of(name: str) -> str:
    return name.rpartition(".")[2]


def owner_of(name: str) -> str:
    """The owner of a series: `train`, `validation`, or a layer such as `layer.0`."""
    return name.rpartition(".")[0]


def _called(owner: str) -> str:
    """The owner's label in a legend: `layer 0`; `input`, which is not a layer."""
    return owner.replace("layer.input", "input").replace("layer.", "layer ")


def _looks(owners: Collection[str]) -> dict[str, tuple[str, str]]:
    """Colour and line style of each owner, in the order of the legend. Training and validation look the same in every
    picture; layers differ and are in the network's order."""
    layers = sorted(set(owners).difference(PARTS), key=_depth)
    order = layers if len(layers) == len(owners) else [*PARTS, *layers]
    return {owner: (f"C{place % 10}", LINES[place // 10 % len(LINES)]) for place, owner in enumerate(order)}


def _depth(layer: str) -> list[int]:
    """Position of `layer.1.0.2` in the network, as a sort key; the input, which has no number, comes first."""
    return [int(place) if place.isdecimal() else -1 for place in layer.split(".")[1:]]


def _scale(axes: "Axes", lines: Iterable[Series]) -> None:
    """Set a logarithmic scale if one of the lines would look flat on a linear one, next to a diverging loss or a
    vanishing gradient. Negative values keep the linear scale; values of 0 are not visible on a logarithmic one."""
    known = [values for line in lines if len(values := line.values[np.isfinite(line.values)])]
    medians = [np.median(values[values > 0]) for values in known if (values > 0).any()]
    if not medians or min(values.min() for values in known) < 0:
        return
    if max(values.max() for values in known) / FAR_APART > min(medians):
        axes.set_yscale("log")


def _plot(axes: "Axes", points: Series, along: Axis, color: str, linestyle: str) -> Any:
    finite = np.isfinite(points.values)
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
    """Start and end of each non-finite stretch, up to a hundred."""
    edges = np.diff(np.concatenate([[True], finite, [True]]).astype(np.int8))
    firsts, lasts = np.flatnonzero(edges == -1), np.flatnonzero(edges == 1) - 1
    yield from zip(x[firsts[:100]].tolist(), x[lasts[:100]].tolist(), strict=True)
