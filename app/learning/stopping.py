"""Stop criteria: each sees every step of one training and decides whether it is the last.

A request holds a criterion's fields, a frozen dataclass; the criterion itself watches one training. If several are
reached at the same step, the first in the order of `Stop.criteria` is the run's stop reason.
"""

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from app.learning.data import Part
from app.learning.fields import bounded

MUST_END = ("max_epochs", "max_steps", "max_seconds")  # every run reaches these; at least one is required


@dataclass(frozen=True)
class Seen:
    """One step as the criteria see it: totals of steps, epochs and seconds of training, and the step's training loss.

    `part_losses` holds the loss of each part that has examples, at the end of an epoch only.
    """

    step: int
    epoch: int
    loss: float
    seconds: float = 0.0
    part_losses: Mapping[Part, float] = field(default_factory=dict)


class Criterion(Protocol):
    """A stop criterion. `state` (plain JSON), `tensors` and `restore` carry its memory across a checkpoint.

    The network's parameters are restored before `restore` is called.
    """

    reason: ClassVar[str]

    def reached(self, seen: Seen) -> bool: ...

    def state(self) -> dict[str, Any]: ...

    def tensors(self) -> dict[str, Tensor]: ...

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None: ...


class _Memoryless:
    def state(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> dict[str, Tensor]:
        return {}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        pass


@dataclass
class MaxSteps(_Memoryless):
    """Stop after a number of steps."""

    reason: ClassVar[str] = "max_steps"
    limit: int

    def reached(self, seen: Seen) -> bool:
        return seen.step >= self.limit


@dataclass
class MaxEpochs(_Memoryless):
    """Stop after a number of passes over the training data."""

    reason: ClassVar[str] = "max_epochs"
    limit: int

    def reached(self, seen: Seen) -> bool:
        return seen.epoch >= self.limit


@dataclass
class MaxSeconds(_Memoryless):
    """Stop after a number of seconds of training, all attempts together; the current step is finished."""

    reason: ClassVar[str] = "max_seconds"
    limit: float

    def reached(self, seen: Seen) -> bool:
        return seen.seconds >= self.limit


@dataclass(frozen=True)
class ParameterChangeLimit:
    """Smallest change of the parameters in one step with which the training continues."""

    number: ClassVar[str] = "threshold"

    threshold: float = bounded(1e-4, doc="the change that is too small", gt=0, le=1e9)
    norm: Literal["max", "l2"] = bounded(
        "max", doc="of all the changes: the largest, or the root of their squares' sum"
    )


class MinParameterChange(_Memoryless):
    """The lecture's second criterion: ‖θ_t − θ_{t−1}‖ below a threshold. It keeps a copy of the parameters."""

    reason: ClassVar[str] = "min_parameter_change"

    def __init__(self, limit: ParameterChangeLimit, model: nn.Module) -> None:
        self.limit = limit
        self.model = model
        self.before = self._parameters()

    def reached(self, seen: Seen) -> bool:
        before, self.before = self.before, self._parameters()
        change = torch.linalg.vector_norm(self.before - before, math.inf if self.limit.norm == "max" else 2)
        return float(change) < self.limit.threshold

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.before = self._parameters()

    def _parameters(self) -> Tensor:
        return torch.cat([parameter.detach().flatten() for parameter in self.model.parameters()])


@dataclass(frozen=True)
class LossTarget:
    """A loss at which the training stops."""

    number: ClassVar[str] = "value"

    value: float = bounded(doc="the loss that is low enough", ge=-1e9, le=1e9)
    part: Literal["train", "validation"] = bounded(
        "train", doc="train: the mean of the last `window` steps' losses; validation: the part's, at an epoch's end"
    )
    window: int = bounded(10, doc="steps whose losses are averaged; of the train part", ge=1, le=10**4)


class TargetLoss(_Memoryless):
    """The lecture's third criterion: the loss is at most the target."""

    reason: ClassVar[str] = "target_loss"

    def __init__(self, target: LossTarget) -> None:
        self.target = target
        self.losses: deque[float] = deque(maxlen=target.window)

    def reached(self, seen: Seen) -> bool:
        if self.target.part == "validation":
            return seen.part_losses.get("validation", math.inf) <= self.target.value
        self.losses.append(seen.loss)
        full = len(self.losses) == self.target.window
        return full and sum(self.losses) / self.target.window <= self.target.value

    def state(self) -> dict[str, Any]:
        return {"losses": list(self.losses)}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        self.losses.extend(state.get("losses", ()))


@dataclass(frozen=True)
class PatienceLimit:
    """Number of epochs without improvement after which the training stops."""

    number: ClassVar[str] = "epochs"

    epochs: int = bounded(doc="epochs without a loss below the best so far", ge=1, le=10**6)
    part: Literal["train", "validation"] = bounded("validation", doc="the part whose loss is watched")


class Patience:
    """Early stopping: no better loss of a part for a number of epochs. The best parameters are kept and served."""

    reason: ClassVar[str] = "patience"

    def __init__(self, limit: PatienceLimit, model: nn.Module) -> None:
        self.limit, self.model = limit, model
        self.best_loss, self.best_step, self.epochs_since = math.inf, 0, 0
        self.best: dict[str, Tensor] = {}  # a copy of the state_dict; empty before the end of the first epoch

    def reached(self, seen: Seen) -> bool:
        if not seen.part_losses:
            return False
        loss = seen.part_losses.get(self.limit.part, math.inf)
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.epochs_since = loss, seen.step, 0
            self.best = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        else:
            self.epochs_since += 1
        return self.epochs_since >= self.limit.epochs

    def state(self) -> dict[str, Any]:
        return {
            "part": self.limit.part,
            "best_loss": self.best_loss,
            "best_step": self.best_step,
            "epochs_since": self.epochs_since,
        }

    def tensors(self) -> dict[str, Tensor]:
        return self.best

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        if state.get("part") == self.limit.part:  # losses of different parts are not comparable
            self.best_loss, self.best_step = state["best_loss"], state["best_step"]
            self.epochs_since, self.best = state["epochs_since"], tensors


@dataclass(frozen=True)
class DivergenceLimits:
    """Bounds beyond which a loss counts as diverged."""

    factor: float = bounded(10.0, doc="how many times the reference loss is too much", gt=1, le=1e9)
    window: int = bounded(50, doc="for how many steps running", ge=1, le=10**6)


class Divergence(_Memoryless):
    """The lecture's fourth criterion: a NaN or ∞, or a loss above the bound for `window` consecutive steps.

    The bound is `factor` × the larger of the first step's loss and the baseline loss.
    """

    reason: ClassVar[str] = "diverged"

    def __init__(self, limits: DivergenceLimits, baseline_loss: float) -> None:
        self.limits = limits
        self.baseline_loss = baseline_loss
        self.first_loss: float | None = None
        self.steps_above = 0

    def reached(self, seen: Seen) -> bool:
        if not math.isfinite(seen.loss):
            return True
        if self.first_loss is None:
            self.first_loss = seen.loss
        above = seen.loss > self.limits.factor * max(self.first_loss, self.baseline_loss)
        self.steps_above = self.steps_above + 1 if above else 0
        return self.steps_above >= self.limits.window

    def state(self) -> dict[str, Any]:
        return {} if self.first_loss is None else {"first_loss": self.first_loss, "steps_above": self.steps_above}

    def restore(self, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        if state:
            self.first_loss, self.steps_above = state["first_loss"], int(state["steps_above"])


# The criteria with fields of their own.
LIMITS: dict[str, type[Any]] = {
    "min_parameter_change": ParameterChangeLimit,
    "target_loss": LossTarget,
    "patience": PatienceLimit,
    "divergence": DivergenceLimits,
}


@dataclass(frozen=True)
class Stop:
    """The criteria of one run, merged field by field with the defaults; null turns one off."""

    max_epochs: int | None = bounded(
        20,
        doc="passes over the training data; 20 unless given, or as many as make 1,000 steps; off when max_steps is "
        "given and this is not",
        ge=1,
        le=10**6,
    )
    max_steps: int | None = bounded(None, doc="optimizer steps", ge=1, le=10**8)
    max_seconds: float | None = bounded(None, doc="seconds of training, all attempts together", gt=0, le=10**8)
    min_parameter_change: ParameterChangeLimit | None = bounded(None, doc="the largest change in one step is below it")
    target_loss: LossTarget | None = bounded(None, doc="the loss is at most that")
    patience: PatienceLimit | None = bounded(
        None,
        doc="no better loss for so many epochs; the parameters of the best epoch are served; half of max_epochs where "
        "neither is given and the data is so little that it takes more than 20",
    )
    divergence: DivergenceLimits | None = bounded(
        DivergenceLimits(),
        doc="NaN or ∞ at once, or the loss over factor × the larger of the first step's and the best constant "
        "prediction's, window steps running; the run then fails",
    )

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Stop":
        """The criteria of a stored request; a missing field has its default."""
        found = dict(stored)
        for name, limits in LIMITS.items():
            if found.get(name) is not None:
                found[name] = limits(**found[name])
        return cls(**found)

    def total_steps(self, steps_per_epoch: int) -> float:
        """The number of steps after which `max_steps` or `max_epochs` ends the run; ∞ without either."""
        by_epochs = None if self.max_epochs is None else self.max_epochs * steps_per_epoch
        return min((limit for limit in (self.max_steps, by_epochs) if limit is not None), default=math.inf)

    def criteria(self, model: nn.Module, baseline_loss: float) -> list[Criterion]:
        """The active criteria, in the order in which they become the stop reason.

        Divergence comes first: a run that reaches its last step with a NaN has failed. Goals follow, then limits.
        """
        found: list[Criterion] = []
        if self.divergence is not None:
            found.append(Divergence(self.divergence, baseline_loss))
        if self.target_loss is not None:
            found.append(TargetLoss(self.target_loss))
        if self.min_parameter_change is not None:
            found.append(MinParameterChange(self.min_parameter_change, model))
        if self.patience is not None:
            found.append(Patience(self.patience, model))
        if self.max_steps is not None:
            found.append(MaxSteps(self.max_steps))
        if self.max_epochs is not None:
            found.append(MaxEpochs(self.max_epochs))
        if self.max_seconds is not None:
            found.append(MaxSeconds(self.max_seconds))
        return found
