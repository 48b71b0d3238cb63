"""Plot of optimizers' paths on a surface's contour lines, and of the value after each step."""

from typing import Any

import numpy as np

from app.insight.surfaces.functions import Surface
from app.insight.surfaces.trajectory import Path
from app.plots.curves import Format, drawn, legend

GRID, LEVELS = 200, 24
FAR = 3.0  # paths are cut off beyond this many times the distance between start and minimum


def draw(surface: Surface, paths: dict[str, Path], format: Format) -> bytes:
    """Draw the paths, whose keys are their labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.8), layout="constrained")
    ground, values = figure.subplots(1, 2, width_ratios=(3, 2))
    ground.set(title=f"{surface.name}: {surface.formula}", xlabel="x", ylabel="y")
    ground.title.set(fontsize=9, parse_math=False)
    (left, right), (bottom, top) = _view(surface, paths)
    x, y = np.meshgrid(np.linspace(left, right, GRID), np.linspace(bottom, top, GRID))
    height = np.asarray(surface.value(x, y))  # type: ignore[type-var]
    low = height[height > 0].min()
    # Geometric levels: as many lines near the minimum as high above it.
    ground.contour(x, y, height, np.geomspace(low, height.max(), LEVELS), cmap="Greys_r", linewidths=0.6, alpha=0.8)
    lines: dict[str, Any] = {}
    (lines["minimum"],) = ground.plot(*surface.minimum, "k*", markersize=12)
    for name, path in paths.items():
        points = np.array(path.points)
        (line,) = ground.plot(points[:, 0], points[:, 1], ".-", markersize=3, linewidth=1)
        lines[name] = line
        values.plot(path.values, color=line.get_color(), linewidth=1)
        if path.diverged:
            values.plot(len(path.values) - 1, path.values[-1], "x", color=line.get_color())
    (lines["start"],) = ground.plot(*next(iter(paths.values())).points[0], "ko", markersize=5)
    ground.set(xlim=(left, right), ylim=(bottom, top))
    values.set(title="✕: diverged" if any(path.diverged for path in paths.values()) else "", xlabel="step")
    anywhere = any(value > 0 for path in paths.values() for value in path.values)
    values.set(ylabel="f(x, y)", yscale="log" if anywhere else "linear")
    values.grid(alpha=0.3)
    legend(figure, lines)
    return drawn(figure, format)


def _view(surface: Surface, paths: dict[str, Path]) -> tuple[tuple[float, float], tuple[float, float]]:
    """The limits of x and y: they include the start, the minimum, and the paths up to `FAR`."""
    ends = np.array([surface.minimum, next(iter(paths.values())).points[0]])
    center, distance = ends.mean(0), max(1.0, float(np.ptp(ends, axis=0).max()))
    points = np.concatenate([ends, *(np.array(path.points) for path in paths.values())])
    points = np.clip(points, center - FAR * distance, center + FAR * distance)
    low, high = points.min(0), points.max(0)
    room = 0.1 * max(float((high - low).max()), 1e-6)
    return (float(low[0] - room), float(high[0] + room)), (float(low[1] - room), float(high[1] + room))
