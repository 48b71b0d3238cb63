"""Functions of two numbers to walk down on, an entry each: its formula, value and gradient by hand.

Plain arithmetic, so that x and y may be numbers, which is quick, or tensors, whose gradient autograd knows. Products
instead of powers: what is too large becomes ∞, where Python's `**` would raise.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from torch import Tensor

from app.learning.fields import bounded

Number = TypeVar("Number", float, Tensor)
Point = tuple[float, float]


class Surface(Protocol):
    """What every entry offers."""

    name: ClassVar[str]
    formula: ClassVar[str]
    gradient_formula: ClassVar[str]
    minimum: ClassVar[Point]  # where the value is 0
    start: ClassVar[Point]  # where one usually begins

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
    minimum: ClassVar[Point] = (1.0, 1.0)
    start: ClassVar[Point] = (-1.2, 1.0)

    def value(self, x: Number, y: Number) -> Number:
        to_go, off = 1 - x, y - x * x
        return to_go * to_go + 100 * (off * off)

    def gradient(self, x: float, y: float) -> Point:
        to_go, off = 1 - x, y - x * x
        return -2 * to_go - 400 * x * off, 200 * off


@dataclass(frozen=True)
class Quadratic:
    """A bowl, κ times as steep in y as in x: a straight ravine, the worse the larger κ is."""

    name: ClassVar[str] = "quadratic"
    formula: ClassVar[str] = "f(x, y) = ½ (x² + κ y²)"
    gradient_formula: ClassVar[str] = "∇f = (x, κ y)"
    minimum: ClassVar[Point] = (0.0, 0.0)
    start: ClassVar[Point] = (10.0, 1.0)

    condition: float = bounded(10.0, doc="κ: the condition number, how much steeper it is in y than in x", ge=1, le=1e6)

    def value(self, x: Number, y: Number) -> Number:
        return (x * x + self.condition * (y * y)) / 2

    def gradient(self, x: float, y: float) -> Point:
        return x, self.condition * y


SURFACES: dict[str, type[Surface]] = {entry.name: entry for entry in (Rosenbrock, Quadratic)}


def surface_from_json(stored: dict[str, Any]) -> Surface:
    """The surface of a request: its name and its fields."""
    return SURFACES[stored["name"]](**{name: value for name, value in stored.items() if name != "name"})
