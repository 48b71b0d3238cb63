"""Plot of optimizers' paths on a surface's contour lines, and of the value after each step."""

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.insight.surfaces.functions import Surface
from app.insight.surfaces.trajectory import Path
from app.plots.curves import Format, drawn, legend

GRID, LEVELS = 200, 24
FAR = 3.0  # a path leaves the picture beyond this many times the distance between the start and the minima
HIGH = 1000.0  # a path that ends this many times above its start has left, too
MARK: dict[str, Any] = {"marker": "x", "markersize": 8, "markeredgewidth": 2, "linestyle": ""}


class Box(NamedTuple):
    """The lower left and the upper right corner of a part of the plane."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def holds(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = np.all((points >= self.low) & (points <= self.high), axis=1)
        return inside

    def exit(self, inside: NDArray[np.float64], outside: NDArray[np.float64]) -> NDArray[np.float64]:
        """The point on the edge where the way to a point outside leaves."""
        way = outside - inside
        edge = np.where(way > 0, self.high, self.low)
        reached = np.divide(edge - inside, way, out=np.full(2, np.inf), where=way != 0)
        crossing: NDArray[np.float64] = inside + reached.min() * way
        return crossing


def draw(surface: Surface, paths: dict[str, Path], format: Format) -> bytes:
    """Draw the paths, whose keys are their labels.

    Both panels fit the paths that stay. One that diverges is cut where it leaves, and marked there.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(10, 4.8), layout="constrained")
    ground, values = figure.subplots(1, 2, width_ratios=(3, 2))
    ground.set(title=f"{surface.name}: {surface.formula}", xlabel="x", ylabel="y")
    ground.title.set(fontsize=9, parse_math=False)
    start = next(iter(paths.values())).points[0]
    box = _view(surface, start, paths.values())
    _draw_contours(ground, surface, box)
    lines: dict[str, Any] = {}
    (lines[_called(surface)],) = ground.plot(*zip(*surface.minima, strict=True), "k*", markersize=12, linestyle="")
    top = _top(paths.values())
    for name, path in paths.items():
        points, heights = _cut(path, box, top)
        (lines[name],) = ground.plot(*points.T, ".-", markersize=3, linewidth=1)
        look = {"color": lines[name].get_color()}
        values.plot(heights, linewidth=1, **look)
        if _leaves(path):
            ground.plot(*points[-1], **MARK, **look)
            values.plot(len(heights) - 1, heights[-1], **MARK, **look)
    (lines["start"],) = ground.plot(*start, "ko", markersize=5)
    ground.set(xlim=(box.low[0], box.high[0]), ylim=(box.low[1], box.high[1]))
    values.xaxis.set_major_locator(MaxNLocator(integer=True))
    values.set(title="✕: diverged" if any(map(_leaves, paths.values())) else "", xlabel="step")
    anywhere = any(value > 0 for path in paths.values() for value in path.values)
    values.set(ylabel="f(x, y)", yscale="log" if anywhere else "linear")
    values.grid(alpha=0.3)
    legend(figure, lines)
    return drawn(figure, format)


def _called(surface: Surface) -> str:
    """Label of the minima."""
    return "minimum" if len(surface.minima) == 1 else f"{len(surface.minima)} minima"


def _draw_contours(ground: Any, surface: Surface, box: Box) -> None:
    """Draw geometric levels: as many lines near the minimum as high above it."""
    x, y = np.meshgrid(*(np.linspace(low, high, GRID) for low, high in zip(*box, strict=True)))
    height = np.asarray(surface.value(x, y))  # type: ignore[type-var]
    levels = np.geomspace(height[height > 0].min(), height.max(), LEVELS)
    ground.contour(x, y, height, levels, cmap="Greys_r", linewidths=0.6, alpha=0.8)


def _leaves(path: Path) -> bool:
    """True if the path diverged, or is about to."""
    return path.diverged or path.values[-1] > HIGH * max(path.values[0], 1.0)


def _cut(path: Path, box: Box, top: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points and values of a path, each up to where it leaves its picture."""
    points, values = np.array(path.points), np.array(path.values)
    if (outside := np.flatnonzero(~box.holds(points))).size:
        first = outside[0]
        points = np.vstack([points[:first], box.exit(points[first - 1], points[first])])
    if (above := np.flatnonzero(values > top)).size:
        values = np.append(values[: above[0]], top)
    return points, values


def _top(paths: Collection[Path]) -> float:
    """Largest value in the picture: of the paths that stay, and so high above the start that a fall can be seen."""
    staying = [max(path.values) for path in paths if not _leaves(path)]
    return max(staying, default=HIGH * max(1.0, *(path.values[0] for path in paths)))


def _view(surface: Surface, start: tuple[float, float], paths: Collection[Path]) -> Box:
    """The part of the plane that is drawn: the start, the minima, and the paths that stay, up to `FAR`."""
    ends = np.array([*surface.minima, start])
    center, distance = ends.mean(0), max(1.0, float(np.ptp(ends, axis=0).max()))
    staying = [np.array(path.points) for path in paths if not _leaves(path)]
    points = np.clip(np.concatenate([ends, *staying]), center - FAR * distance, center + FAR * distance)
    low, high = points.min(0), points.max(0)
    room = 0.1 * max(float((high - low).max()), 1e-6)
    return Box(low - room, high + room)
