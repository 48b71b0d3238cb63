"""Interface of an experiment: trials that differ in one thing, or a calculation, and the observation of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from app.insight.diagnosis.facts import Facts
from app.insight.experiments.faults import FAULTS

Verdict = Literal["shown", "not shown", "differs by seed"]


@dataclass(frozen=True)
class Trial:
    """A run's request without its seed; `fault` names the mistake it makes on purpose."""

    request: Mapping[str, Any]
    fault: str | None = None
    seed_apart: int = 0  # added to the experiment's seed

    def __post_init__(self) -> None:
        assert self.fault is None or self.fault in FAULTS


@dataclass(frozen=True)
class Seen:
    """Observation of one seed: numbers by name, the verdict, and details as JSON."""

    numbers: Mapping[str, float]
    shown: bool
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spread:
    """Mean and range of a number over the seeds."""

    mean: float
    min: float
    max: float


@dataclass(frozen=True)
class Experiment:
    """A claim of the lecture with a test.

    `claim` is the lecture's statement at the `lines` of its text, `right` the correct one. `about` names the layers,
    losses and optimizers concerned. `observe` gets the finished runs of one seed, by the names of the `trials`. Without
    trials it calculates from the seed alone, in under a second; torch's generator starts from that seed. `sentence` is
    a template for the means of its numbers. A field without a format has three digits.
    """

    name: str
    title: str
    lines: str
    claim: str
    right: str
    sentence: str
    observe: Callable[[int, Mapping[str, Facts]], Seen]
    trials: Mapping[str, Trial] = field(default_factory=dict)
    about: tuple[str, ...] = ()

    def says(self, spreads: Mapping[str, Spread]) -> str:
        """The observation as a sentence."""
        return self.sentence.format_map({name: Figure(spread.mean) for name, spread in spreads.items()})


class Figure(float):
    """A number in a sentence: without a format it has three digits, and an exponent only if it needs one."""

    def __format__(self, spec: str, /) -> str:
        if spec:
            return super().__format__(spec)
        return super().__format__(",.0f" if 1000 <= abs(self) < 1e9 else ".3g")


def spreads(seen: list[Seen]) -> dict[str, Spread]:
    """Mean and range of each number over the seeds."""
    by_name = {}
    for name in seen[0].numbers:
        values = [one.numbers[name] for one in seen]
        by_name[name] = Spread(fmean(values), min(values), max(values))
    return by_name


def verdict(seen: list[Seen]) -> Verdict:
    """Verdict over all seeds."""
    shown = sum(one.shown for one in seen)
    return "shown" if shown == len(seen) else "differs by seed" if shown else "not shown"
