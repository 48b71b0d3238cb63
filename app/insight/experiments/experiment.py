"""The interface of an experiment: trials that differ in one thing, or a calculation, and the observation of them."""

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
    seed_apart: int = 0  # from the experiment's seed

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
    """`claim` is what the lecture says at the `lines` of its text, `right` what is right about it.

    `about` are the layers, losses and optimizers that it is on, by their names. `observe` looks at the ended runs of
    one seed, by the names of the `trials`; without trials it calculates from the seed alone, which torch's generator is
    seeded with, in under a second. `sentence` is a template over the means of its numbers.
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
        return self.sentence.format_map({name: figure(spread.mean) for name, spread in spreads.items()})


def figure(value: float) -> str:
    """Three digits, and no power of ten where none is needed."""
    return f"{value:,.0f}" if abs(value) >= 1000 and abs(value) < 1e9 else f"{value:.3g}"


def spreads(seen: list[Seen]) -> dict[str, Spread]:
    """Mean and range of each number over the seeds."""
    found = {}
    for name in seen[0].numbers:
        values = [one.numbers[name] for one in seen]
        found[name] = Spread(fmean(values), min(values), max(values))
    return found


def verdict(seen: list[Seen]) -> Verdict:
    """Over the seeds."""
    shown = sum(one.shown for one in seen)
    return "shown" if shown == len(seen) else "differs by seed" if shown else "not shown"
