"""Curves as SVG, drawn without a library: the file of a report has to stay small and needs no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 52, 548, 8, 216  # edges of the plot
TICKS = 5
FAR_APART = 100  # an axis is logarithmic if the largest value is so many times the median


@dataclass(frozen=True)
class Line:
    """A series of one run. A value that is not finite is a gap."""

    look: str  # class of the colour
    dash: str
    steps: Sequence[float]
    values: Sequence[float]


@dataclass(frozen=True)
class Tick:
    at: float
    value: float


@dataclass(frozen=True)
class Chart:
    """A drawing of lines: paths with their looks, and the ticks of both axes, in pixels."""

    paths: list[tuple[Line, str]]
    across: list[Tick]
    up: list[Tick]


def chart(lines: Sequence[Line], may_be_logarithmic: bool) -> Chart | None:
    """Draw lines; None if no value of any is finite."""
    values = sorted(value for line in lines for value in line.values if math.isfinite(value))
    if not values:
        return None
    is_logarithmic = may_be_logarithmic and values[0] > 0 and values[-1] > FAR_APART * values[len(values) // 2]
    level = math.log10 if is_logarithmic else float
    last = max(step for line in lines for step in line.steps)
    low, high = level(values[0]), level(values[-1])
    room = 0.05 * (high - low) or 0.5 * abs(high) or 1.0
    low, high = low - room, high + room

    def x(step: float) -> float:
        return LEFT + (RIGHT - LEFT) * step / (last or 1)

    def y(height: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (height - low) / (high - low)

    def path(line: Line) -> str:
        """Moves to the first point after each gap, and lines from there."""
        parts, is_down = [], False
        for step, value in zip(line.steps, line.values, strict=True):
            if math.isfinite(value) and (value > 0 or not is_logarithmic):
                parts.append(f"{'L' if is_down else 'M'}{x(step):.1f},{y(level(value)):.1f}")
            is_down = math.isfinite(value)
        return "".join(parts)

    across = [Tick(x(step), step) for step in ticks(0, last)]
    heights = ticks(low, high)
    if is_logarithmic:
        decades = sorted({round(height) for height in heights} or {round(low)})
        up = [Tick(y(decade), 10.0**decade) for decade in decades if low <= decade <= high]
    else:
        up = [Tick(y(height), height) for height in heights]
    return Chart([(line, path(line)) for line in lines], across, up)


def ticks(low: float, high: float) -> list[float]:
    """Up to six round numbers between two others, 1, 2 or 5 times a power of ten apart."""
    rough = (high - low) / TICKS or 1.0
    power = 10.0 ** math.floor(math.log10(rough))
    apart = power * next(digit for digit in (1, 2, 5, 10) if digit * power >= rough * 0.999)
    first = math.ceil(low / apart - 1e-9)
    return [round(count * apart, 12) for count in range(first, math.floor(high / apart + 1e-9) + 1)]
