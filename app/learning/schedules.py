"""Registry of the learning-rate schedules: the factor on lr in each step.

A schedule is a pure function of the step and the run's number of steps, so it has no state to checkpoint. An extended
run continues with the schedule of the longer run: with `cosine` and `one_cycle` the learning rate jumps up and then
falls towards the new end.

During `warmup` steps the factor rises linearly to the schedule's first value; the schedule covers the remaining steps.
"""

from dataclasses import dataclass
from math import cos, pi
from typing import Any, ClassVar, Protocol

from app.learning.fields import bounded
from app.learning.source import literal


class Schedule(Protocol):
    """Interface of an entry."""

    name: ClassVar[str]
    formula: ClassVar[str]
    advantages: ClassVar[tuple[str, ...]]
    drawbacks: ClassVar[tuple[str, ...]]
    needs_total: ClassVar[bool]  # the run's number of steps must be known

    shortest: ClassVar[int]

    @property
    def warmup(self) -> int: ...

    def factor(self, step: int, total: float) -> float:
        """Factor on lr in `step` (0 is the first) of `total` (∞ if unknown)."""
        ...

    def source(self, t: str, T: str) -> tuple[str, ...]:
        """Code of the formula after the warm-up in the variables `t` and `T`: statements, then an expression."""
        ...


def _warmup() -> Any:
    return bounded(0, doc="steps in which the learning rate rises to the schedule's first value", ge=0, le=10**8)


class _WithWarmup:
    needs_total: ClassVar[bool] = False
    shortest: ClassVar[int] = 1  # steps after a warm-up that the schedule plans for, even if fewer remain
    warmup: int

    def factor(self, step: int, total: float) -> float:
        if self.warmup == 0:
            return self.shape(step, total)
        rest = max(self.shortest, total - self.warmup)
        if step < self.warmup:
            return self.shape(0, rest) * (step + 1) / (self.warmup + 1)
        return self.shape(step - self.warmup, rest)

    def shape(self, t: int, T: float) -> float:
        """Factor in step t (0 is the first) of the T ≥ 1 steps after the warm-up."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(_WithWarmup):
    """A constant learning rate."""

    name: ClassVar[str] = "constant"
    formula: ClassVar[str] = "ηₜ = η"
    advantages: ClassVar[tuple[str, ...]] = ("nothing to choose", "the run can be extended at any time")
    drawbacks: ClassVar[tuple[str, ...]] = ("noise from the batches keeps the loss from converging at the end",)

    warmup: int = _warmup()

    def shape(self, t: int, T: float) -> float:  # noqa: ARG002
        return 1.0

    def source(self, t: str, T: str) -> tuple[str, ...]:  # noqa: ARG002
        return ("1.0",)


@dataclass(frozen=True)
class StepDecay(_WithWarmup):
    """Multiplication of the learning rate by gamma at regular intervals, as in `torch.optim.lr_scheduler.StepLR`."""

    name: ClassVar[str] = "step"
    formula: ClassVar[str] = "ηₜ = η·γ^⌊t / every⌋"
    advantages: ClassVar[tuple[str, ...]] = (
        "large steps first, small ones once the large ones no longer help",
        "independent of the length of the run",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("two hyperparameters, which you can choose only after seeing a curve",)

    every: int = bounded(doc="number of steps between two multiplications", ge=1, le=10**8)
    gamma: float = bounded(0.1, doc="γ: factor on the learning rate", gt=0, le=1)
    warmup: int = _warmup()

    def shape(self, t: int, T: float) -> float:  # noqa: ARG002
        return float(self.gamma ** (t // self.every))

    def source(self, t: str, T: str) -> tuple[str, ...]:  # noqa: ARG002
        return (f"{literal(self.gamma)} ** ({t} // {self.every})",)


@dataclass(frozen=True)
class Cosine(_WithWarmup):
    """Fall along half a cosine, as in `torch.optim.lr_scheduler.CosineAnnealingLR`.

    Loshchilov & Hutter 2017, without restarts, https://arxiv.org/abs/1608.03983.
    """

    name: ClassVar[str] = "cosine"
    needs_total: ClassVar[bool] = True
    formula: ClassVar[str] = "ηₜ = η·(floor + (1 − floor)·(1 + cos(πt/T))/2)"
    advantages: ClassVar[tuple[str, ...]] = (
        "ends with small steps, so the loss converges, and leaves nothing to choose",
        "smooth: no sudden changes",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "needs the length of the run: if it stops early, the loss has not converged",
        "if the run is extended, the learning rate rises again",
    )

    floor: float = bounded(0.0, doc="factor at the end", ge=0, le=1)
    warmup: int = _warmup()

    def shape(self, t: int, T: float) -> float:
        return self.floor + (1 - self.floor) * (1 + cos(pi * t / T)) / 2

    def source(self, t: str, T: str) -> tuple[str, ...]:
        fall = f"(1 + math.cos(math.pi * {t} / {T})) / 2"
        floor = literal(self.floor)
        return (f"{floor} + (1 - {floor}) * {fall}" if self.floor else fall,)


PCT_START, DIV_FACTOR, FINAL_DIV_FACTOR = 0.3, 25.0, 1e4  # PyTorch's defaults


@dataclass(frozen=True)
class OneCycle(_WithWarmup):
    """Rise from lr/25 to the peak lr in 0.3 of the run, then fall to lr/250,000, each along half a cosine.

    This is the learning rate of `torch.optim.lr_scheduler.OneCycleLR` with its defaults; momentum is unchanged. Smith &
    Topin 2018, https://arxiv.org/abs/1708.07120.
    """

    name: ClassVar[str] = "one_cycle"
    needs_total: ClassVar[bool] = True
    shortest: ClassVar[int] = 4  # with fewer steps it would start after its peak
    formula: ClassVar[str] = "ηₜ: η/25 → η in 0.3 T, then η → η/250000, each along half a cosine"
    advantages: ClassVar[tuple[str, ...]] = (
        "allows a larger learning rate than a constant schedule, so it often needs fewer steps",
        "includes a warm-up, and converges at the end",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "needs the length of the run, which is one cycle",
        "if the run is extended, the learning rate rises again",
    )

    warmup: int = _warmup()

    def shape(self, t: int, T: float) -> float:
        peak, last = PCT_START * T - 1, T - 1
        lowest = 1 / DIV_FACTOR / FINAL_DIV_FACTOR
        if t <= peak:
            return _half_cosine(1 / DIV_FACTOR, 1.0, t / peak)
        return _half_cosine(1.0, lowest, (t - peak) / (last - peak))

    def source(self, t: str, T: str) -> tuple[str, ...]:
        return (
            f"peak, last = {PCT_START} * {T} - 1, {T} - 1",
            f"if {t} <= peak:",
            f"    start, end, share = 1 / {DIV_FACTOR:g}, 1, {t} / peak",
            "else:",
            f"    start, end = 1, 1 / {DIV_FACTOR * FINAL_DIV_FACTOR:_.0f}",
            f"    share = ({t} - peak) / (last - peak)",
            "end + (start - end) * (1 + math.cos(math.pi * share)) / 2",
        )


def _half_cosine(start: float, end: float, share: float) -> float:
    """Interpolate from `start` (share 0) to `end` (share 1) along half a cosine."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


DEFAULT_SCHEDULE = Constant.name
SCHEDULES: dict[str, type[Schedule]] = {entry.name: entry for entry in (Constant, StepDecay, Cosine, OneCycle)}


def schedule_from_json(stored: dict[str, Any]) -> Schedule:
    """The schedule of a stored request with its name and fields."""
    return SCHEDULES[stored["name"]](**{name: value for name, value in stored.items() if name != "name"})
