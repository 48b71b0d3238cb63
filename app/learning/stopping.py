"""Stop criteria: each sees every step of a training and decides whether it is the last.

A request has a criterion's fields, a frozen dataclass; the criterion itself belongs to one training. If several are
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

MUST_END = ("max_epochs", "max_steps", "max_seconds")  # certain to be reached; at least one is required


@dataclass(frozen=True)
class Seen:
    """A step as the criteria see it: totals of steps, epochs and seconds of training, and the step's training loss.

    At the end of an epoch, `part_losses` has the loss of each part with examples; otherwise it is empty.
    """

    step: int
    epoch: int
    loss: float
    seconds: float = 0.0
    part_losses: Mapping[Part, float] = field(default_factory=dict)


class Criterion(Protocol):
    """A stop criterion. Checkpoints save its memory by `state` (plain JSON) and `tensors`, and restore it by `restore`.

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
    """Stop after a number of seconds of training, summed over all attempts. The current step is finished."""

    reason: ClassVar[str] = "max_seconds"
    limit: float

    def reached(self, seen: Seen) -> bool:
        return seen.seconds >= self.limit


@dataclass(frozen=True)
class ParameterChangeLimit:
    """Smallest change of the parameters in one step for which training continues."""

    number: ClassVar[str] = "threshold"

    threshold: float = bounded(1e-4, doc="a smaller change ends the run", gt=0, le=1e9)
    norm: Literal["max", "l2"] = bounded("max", doc="size of a change: its largest component, or its L2 norm")


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
    """Loss at which training stops."""

    number: ClassVar[str] = "value"

    value: float = bounded(doc="a loss at or below this value ends the run", ge=-1e9, le=1e9)
    part: Literal["train", "validation"] = bounded(
        "train",
        doc="train: mean loss of the last `window` steps; validation: loss of the validation part after each epoch",
    )
    window: int = bounded(10, doc="number of steps in the mean, for the train part", ge=1, le=10**4)


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
    """Number of epochs without improvement after which training stops."""

    number: ClassVar[str] = "epochs"

    epochs: int = bounded(doc="number of epochs without a new lowest loss", ge=1, le=10**6)
    part: Literal["train", "validation"] = bounded("validation", doc="part whose loss is watched")


class Patience:
    """Early stopping after a number of epochs without a new lowest loss. The best parameters are kept and served."""

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
    """Limits beyond which a loss counts as diverged."""

    factor: float = bounded(10.0, doc="highest allowed loss as a multiple of the reference loss", gt=1, le=1e9)
    window: int = bounded(50, doc="number of consecutive steps above it that end the run", ge=1, le=10**6)


class Divergence(_Memoryless):
    """The lecture's fourth criterion: a loss of NaN or ∞, or one above a limit for `window` consecutive steps.

    The limit is `factor` × the larger of the first step's loss and the baseline loss.
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


# Criteria whose value is an object, not a number.
LIMITS: dict[str, type[Any]] = {
    "min_parameter_change": ParameterChangeLimit,
    "target_loss": LossTarget,
    "patience": PatienceLimit,
    "divergence": DivergenceLimits,
}


@dataclass(frozen=True)
class Stop:
    """The criteria of a run, merged field by field with the defaults; null turns one off."""

    max_epochs: int | None = bounded(
        20,
        doc="passes over the training data; by default 20, or more if 20 make fewer than 1,000 steps; off if only "
        "max_steps is given",
        ge=1,
        le=10**6,
    )
    max_steps: int | None = bounded(None, doc="optimizer steps", ge=1, le=10**8)
    max_seconds: float | None = bounded(None, doc="seconds of training, summed over all attempts", gt=0, le=10**8)
    min_parameter_change: ParameterChangeLimit | None = bounded(
        None, doc="ends the run when a step changes the parameters by less than this"
    )
    target_loss: LossTarget | None = bounded(None, doc="ends the run when the loss is at most this")
    patience: PatienceLimit | None = bounded(
        None,
        doc="ends the run after this many epochs without a new lowest loss; the parameters of the best epoch are "
        "served; by default half of max_epochs if the dataset is so small that max_epochs is set above 20",
    )
    divergence: DivergenceLimits | None = bounded(
        DivergenceLimits(),
        doc="fails the run when the loss is NaN or ∞, or for `window` consecutive steps above `factor` × the larger of "
        "the first step's loss and that of the best constant prediction",
    )

    constraint: ClassVar[dict[str, Any]] = {
        "not": {
            "required": ["max_epochs"],
            "properties": {name: {"type": "null"} for name in ("max_epochs", "max_steps", "max_seconds")},
        }
    }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Stop":
        """The criteria of a stored request; missing fields get their defaults."""
        fields = dict(stored)
        for name, limits in LIMITS.items():
            if fields.get(name) is not None:
                fields[name] = limits(**fields[name])
        return cls(**fields)

    def total_steps(self, steps_per_epoch: int) -> float:
        """Number of steps after which `max_steps` or `max_epochs` ends the run; ∞ without either."""
        by_epochs = None if self.max_epochs is None else self.max_epochs * steps_per_epoch
        return min((limit for limit in (self.max_steps, by_epochs) if limit is not None), default=math.inf)

    def criteria(self, model: nn.Module, baseline_loss: float) -> list[Criterion]:
        """The active criteria, in order of precedence as the stop reason.

        Divergence comes first: a run that reaches its last step with a NaN has failed. Goals follow, then limits.
        """
        criteria: list[Criterion] = []
        if self.divergence is not None:
            criteria.append(Divergence(self.divergence, baseline_loss))
        if self.target_loss is not None:
            criteria.append(TargetLoss(self.target_loss))
        if self.min_parameter_change is not None:
            criteria.append(MinParameterChange(self.min_parameter_change, model))
        if self.patience is not None:
            criteria.append(Patience(self.patience, model))
        if self.max_steps is not None:
            criteria.append(MaxSteps(self.max_steps))
        if self.max_epochs is not None:
            criteria.append(MaxEpochs(self.max_epochs))
        if self.max_seconds is not None:
            criteria.append(MaxSeconds(self.max_seconds))
        return criteria
