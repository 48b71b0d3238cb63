"""Functions of two numbers to minimise. An entry has a formula, a value, and a gradient derived by hand.

Plain arithmetic, so that x and y may be floats, which are fast, or tensors, for autograd. Products replace powers: on
overflow they become ∞, while Python's `**` would raise.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from app.learning.fields import bounded

Number = TypeVar("Number", float, Tensor)
Point = tuple[float, float]


class Surface(Protocol):
    """The interface of a surface."""

    name: ClassVar[str]
    formula: ClassVar[str]
    gradient_formula: ClassVar[str]
    minima: ClassVar[tuple[Point, ...]]  # all points where the value is 0; the first one has short numbers
    start: ClassVar[Point]  # usual start
    view: ClassVar[tuple[Point, Point]]  # lower left and upper right corner of the part that shows it, 4 wide to 3 high

    def value(self, x: Number, y: Number) -> Number:
        """f(x, y)."""
        ...

    def gradient(self, x: float, y: float) -> Point:
        """(∂f/∂x, ∂f/∂y)."""
        ...


@dataclass(frozen=True)
class Rosenbrock:
    """A bent valley, steep across and nearly flat along: Rosenbrock 1960, https://doi.org/10.1093/comjnl/3.3.175."""

    name: ClassVar[str] = "rosenbrock"
    formula: ClassVar[str] = "f(x, y) = (1 − x)² + 100 (y − x²)²"
    gradient_formula: ClassVar[str] = "∇f = (−2 (1 − x) − 400 x (y − x²), 200 (y − x²))"
    minima: ClassVar[tuple[Point, ...]] = ((1.0, 1.0),)
    start: ClassVar[Point] = (-1.2, 1.0)
    view: ClassVar[tuple[Point, Point]] = ((-2.2, -0.9), (2.2, 2.4))

    def value(self, x: Number, y: Number) -> Number:
        to_go, off = 1 - x, y - x * x
        return to_go * to_go + 100 * (off * off)

    def gradient(self, x: float, y: float) -> Point:
        to_go, off = 1 - x, y - x * x
        return -2 * to_go - 400 * x * off, 200 * off


@dataclass(frozen=True)
class Quadratic:
    """A bowl, κ times as steep in y as in x: a straight ravine, narrower with larger κ."""

    name: ClassVar[str] = "quadratic"
    formula: ClassVar[str] = "f(x, y) = ½ (x² + κ y²)"
    gradient_formula: ClassVar[str] = "∇f = (x, κ y)"
    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    start: ClassVar[Point] = (10.0, 1.0)
    view: ClassVar[tuple[Point, Point]] = ((-12.0, -9.0), (12.0, 9.0))

    condition: float = bounded(10.0, doc="κ: the condition number, how much steeper it is in y than in x", ge=1, le=1e6)

    def value(self, x: Number, y: Number) -> Number:
        return (x * x + self.condition * (y * y)) / 2

    def gradient(self, x: float, y: float) -> Point:
        return x, self.condition * y


@dataclass(frozen=True)
class Ravine:
    """The bowl, rotated by 45°: scaling x and y does not make it round."""

    name: ClassVar[str] = "ravine"
    formula: ClassVar[str] = "f(x, y) = ½ (u² + κ v²),  u = (x + y)/√2,  v = (y − x)/√2"
    gradient_formula: ClassVar[str] = "∇f = (u − κ v, u + κ v)/√2"
    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    start: ClassVar[Point] = (-8.0, -6.0)
    view: ClassVar[tuple[Point, Point]] = ((-12.0, -9.0), (12.0, 9.0))

    condition: float = bounded(50.0, doc="κ: how much steeper it is across than along", ge=1, le=1e6)

    def value(self, x: Number, y: Number) -> Number:
        along, across = x + y, y - x
        return (along * along + self.condition * (across * across)) / 4

    def gradient(self, x: float, y: float) -> Point:
        along, across = x + y, self.condition * (y - x)
        return (along - across) / 2, (along + across) / 2


@dataclass(frozen=True)
class Saddle:
    """Two valleys with a pass between them at (0, 0), where the gradient is 0 without a minimum."""

    name: ClassVar[str] = "saddle"
    formula: ClassVar[str] = "f(x, y) = ½ x² + ¼ (y² − 1)²"
    gradient_formula: ClassVar[str] = "∇f = (x, y (y² − 1))"
    minima: ClassVar[tuple[Point, ...]] = ((0.0, 1.0), (0.0, -1.0))
    start: ClassVar[Point] = (2.0, 0.001)
    view: ClassVar[tuple[Point, Point]] = ((-2.8, -2.1), (2.8, 2.1))

    def value(self, x: Number, y: Number) -> Number:
        off = y * y - 1
        return x * x / 2 + off * off / 4

    def gradient(self, x: float, y: float) -> Point:
        return x, y * (y * y - 1)


@dataclass(frozen=True)
class Plateau:
    """A funnel in a plain: far from it the gradient points the right way, but is almost 0."""

    name: ClassVar[str] = "plateau"
    formula: ClassVar[str] = "f(x, y) = 1 − 1/(1 + x² + y²)"
    gradient_formula: ClassVar[str] = "∇f = (2 x, 2 y)/(1 + x² + y²)²"
    minima: ClassVar[tuple[Point, ...]] = ((0.0, 0.0),)
    start: ClassVar[Point] = (4.0, 3.0)
    view: ClassVar[tuple[Point, Point]] = ((-6.0, -4.5), (6.0, 4.5))

    def value(self, x: Number, y: Number) -> Number:
        return 1 - 1 / (1 + x * x + y * y)

    def gradient(self, x: float, y: float) -> Point:
        below = 1 + x * x + y * y
        return 2 * x / below / below, 2 * y / below / below


@dataclass(frozen=True)
class Beale:
    """Flat towards the axes, with steep corners: Beale 1958, in the form of Moré, Garbow and Hillstrom 1981, problem 5,
    https://doi.org/10.1145/355934.355936."""

    name: ClassVar[str] = "beale"
    formula: ClassVar[str] = "f(x, y) = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²"
    gradient_formula: ClassVar[str] = "∇f = Σ 2 rₖ · (yᵏ − 1, k x yᵏ⁻¹),  rₖ = cₖ − x (1 − yᵏ)"
    minima: ClassVar[tuple[Point, ...]] = ((3.0, 0.5),)
    start: ClassVar[Point] = (1.0, 1.0)
    view: ClassVar[tuple[Point, Point]] = ((-1.0, -2.25), (5.0, 2.25))

    def value(self, x: Number, y: Number) -> Number:
        first, second, third = (c - x * (1 - power) for c, power in self._terms(y))
        return first * first + second * second + third * third

    def gradient(self, x: float, y: float) -> Point:
        along_x = along_y = 0.0
        slope = 1.0  # k yᵏ⁻¹
        for k, (c, power) in enumerate(self._terms(y), start=1):
            residual = c - x * (1 - power)
            along_x += 2 * residual * (power - 1)
            along_y += 2 * residual * x * slope
            slope = (k + 1) * power
        return along_x, along_y

    @staticmethod
    def _terms(y: Number) -> tuple[tuple[float, Number], ...]:
        """Constant of each residual, and the power of y in it."""
        return (1.5, y), (2.25, y * y), (2.625, y * y * y)


@dataclass(frozen=True)
class Himmelblau:
    """Four equally deep valleys: the start decides which one is reached. Himmelblau 1972, Applied Nonlinear
    Programming."""

    name: ClassVar[str] = "himmelblau"
    formula: ClassVar[str] = "f(x, y) = (x² + y − 11)² + (x + y² − 7)²"
    gradient_formula: ClassVar[str] = "∇f = (4 x a + 2 b, 2 a + 4 y b),  a = x² + y − 11,  b = x + y² − 7"
    minima: ClassVar[tuple[Point, ...]] = (
        (3.0, 2.0),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    )
    start: ClassVar[Point] = (0.0, 0.0)
    view: ClassVar[tuple[Point, Point]] = ((-6.4, -4.8), (6.4, 4.8))

    def value(self, x: Number, y: Number) -> Number:
        a, b = x * x + y - 11, x + y * y - 7
        return a * a + b * b

    def gradient(self, x: float, y: float) -> Point:
        a, b = x * x + y - 11, x + y * y - 7
        return 4 * x * a + 2 * b, 2 * a + 4 * y * b


DEFAULT_SURFACE = Rosenbrock.name
SURFACES: dict[str, type[Surface]] = {
    entry.name: entry for entry in (Rosenbrock, Quadratic, Ravine, Saddle, Plateau, Beale, Himmelblau)
}


def surface_from_json(stored: dict[str, Any]) -> Surface:
    """Make a surface from a request: its name and its fields."""
    return SURFACES[stored["name"]](**{name: value for name, value in stored.items() if name != "name"})
