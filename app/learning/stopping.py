"""When a run ends: an entry a criterion. Each looks at one step and says whether it is the last."""

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

from app.learning.fields import bounded


@dataclass(frozen=True)
class Seen:
    """What a criterion is shown after a step: steps and epochs completed, and the step's training loss."""

    step: int
    epoch: int
    loss: float


class Criterion(Protocol):
    """A stop criterion. `state` and `restore` carry what it remembers across a checkpoint."""

    reason: ClassVar[str]

    def reached(self, seen: Seen) -> bool: ...

    def state(self) -> dict[str, float]: ...

    def restore(self, state: dict[str, float]) -> None: ...


@dataclass
class _Memoryless:
    def state(self) -> dict[str, float]:
        return {}

    def restore(self, state: dict[str, float]) -> None:
        pass


@dataclass
class MaxSteps(_Memoryless):
    """After so many steps."""

    reason: ClassVar[str] = "max_steps"
    limit: int

    def reached(self, seen: Seen) -> bool:
        return seen.step >= self.limit


@dataclass
class MaxEpochs(_Memoryless):
    """After so many passes over the training data."""

    reason: ClassVar[str] = "max_epochs"
    limit: int

    def reached(self, seen: Seen) -> bool:
        return seen.epoch >= self.limit


@dataclass(frozen=True)
class DivergenceLimits:
    """When a loss counts as diverged."""

    factor: float = bounded(10.0, doc="how many times the reference loss is too much", gt=1, le=1e9)
    window: int = bounded(50, doc="for how many steps running", ge=1, le=10**6)


class Divergence:
    """The lecture's fourth criterion: NaN or ∞ at once; or `window` steps running a loss over `factor` × the larger
    of the first step's loss and that of the best constant prediction."""

    reason: ClassVar[str] = "diverged"

    def __init__(self, limits: DivergenceLimits, constant_loss: float) -> None:
        self.limits = limits
        self.constant_loss = constant_loss
        self.first_loss: float | None = None
        self.steps_above = 0

    def reached(self, seen: Seen) -> bool:
        if not math.isfinite(seen.loss):
            return True
        if self.first_loss is None:
            self.first_loss = seen.loss
        above = seen.loss > self.limits.factor * max(self.first_loss, self.constant_loss)
        self.steps_above = self.steps_above + 1 if above else 0
        return self.steps_above >= self.limits.window

    def state(self) -> dict[str, float]:
        return {} if self.first_loss is None else {"first_loss": self.first_loss, "steps_above": self.steps_above}

    def restore(self, state: dict[str, float]) -> None:
        if state:
            self.first_loss, self.steps_above = state["first_loss"], int(state["steps_above"])


@dataclass(frozen=True)
class Stop:
    """The criteria of one run; None turns one off."""

    max_epochs: int | None = bounded(20, doc="passes over the training data", ge=1, le=10**6)
    max_steps: int | None = bounded(None, doc="optimizer steps", ge=1, le=10**8)
    divergence: DivergenceLimits | None = DivergenceLimits()

    @property
    def must_end(self) -> bool:
        """Whether something is left that ends every run."""
        return self.max_epochs is not None or self.max_steps is not None

    def criteria(self, constant_loss: float) -> list[Criterion]:
        """Divergence first: a run that reaches its last step with a NaN has failed."""
        found: list[Criterion] = []
        if self.divergence is not None:
            found.append(Divergence(self.divergence, constant_loss))
        if self.max_steps is not None:
            found.append(MaxSteps(self.max_steps))
        if self.max_epochs is not None:
            found.append(MaxEpochs(self.max_epochs))
        return found
