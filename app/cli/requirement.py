"""Requirements on a run's metrics, such as `test.accuracy>=0.9`: the exit status tells scripts whether they are met."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.cli.http import REFUSED, exit_with

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
FORM = re.compile(r"\s*(train|validation|test)\.(\w+)\s*(>=|<=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on one metric of a run's part."""

    part: str
    metric: str
    comparison: str
    bound: float

    @classmethod
    def of(cls, text: str) -> "Requirement":
        """The requirement that a text states. Ends the command if it states none."""
        match = FORM.fullmatch(text)
        if match is None:
            exit_with(REFUSED, f"{text!r} is not a requirement; write for example --require 'test.accuracy>=0.9'")
        part, metric, comparison, bound = match.groups()
        return cls(part, metric, comparison, float(bound))

    def unmet(self, metrics: dict[str, Any]) -> str | None:
        """A sentence about the run's metrics if they do not meet this; None if they do."""
        of_part = metrics.get(self.part) or {}
        value = of_part.get(self.metric)
        if value is None:
            there = ", ".join(f"{self.part}.{name}" for name in of_part) or "none"
            return f"{self} is not met: the run has no {self.part}.{self.metric}; it has {there}"
        if isinstance(value, str) or not COMPARISONS[self.comparison](value, self.bound):  # JSON has NaN as a string
            return f"{self} is not met: it is {value}"
        return None

    def __str__(self) -> str:
        return f"{self.part}.{self.metric}{self.comparison}{self.bound!r}"
