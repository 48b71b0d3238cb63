"""What is known of a run when it is diagnosed, and the few numbers that several rules ask for."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from app.constants import RunStatus
from app.insight.analysis.stacks import MAPS
from app.learning.losses import loss_from_json

PARTS_OF_A_CURVE = 20
POORLY = 0.7  # what has been learnt, as a share of what there is to learn


@dataclass(frozen=True)
class Curve:
    """Points in the order of their steps; a value may be NaN or ±∞."""

    steps: Sequence[int]
    values: Sequence[float]

    @property
    def first(self) -> float:
        return self.values[0] if self.values else math.nan

    @property
    def last(self) -> float:
        return self.values[-1] if self.values else math.nan

    @property
    def finite(self) -> bool:
        return all(map(math.isfinite, self.values))

    def smooth(self) -> list[float]:
        """The medians of twenty parts of the curve, one after another: of fewer where it has fewer points."""
        count = min(PARTS_OF_A_CURVE, len(self.values))
        edges = [index * len(self.values) // count for index in range(count + 1)] if count else []
        return [median(self.values[a:b]) for a, b in pairwise(edges)]


EMPTY = Curve((), ())


def shown(value: float) -> str:
    """A number in a sentence."""
    return f"{value:.3g}" if math.isfinite(value) else "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"


@dataclass(frozen=True)
class LayerSeen:
    """A layer of the request as its samples show it, by measure."""

    name: str
    type: str
    pointer: str
    fields: Mapping[str, Any]
    measures: Mapping[str, Curve]

    def __getitem__(self, measure: str) -> Curve:
        return self.measures.get(measure, EMPTY)

    @property
    def learns(self) -> bool:
        return "gradient_norm" in self.measures

    def evidence(self, measure: str) -> dict[str, Any]:
        """Where it stands, and a measure of it in the first sample and in the last."""
        found = self[measure]
        where = {"layer": self.name, "pointer": self.pointer, "step": found.steps[-1]}
        return where | {measure: found.last, f"first_{measure}": found.first}

    def __str__(self) -> str:
        return f"layer {self.name} ({self.type})"


@dataclass(frozen=True)
class Facts:
    """A run: its id, its request as resolved, its status, curves by series, metrics and evaluations by part, the
    samples of its layers in the network's order (the input apart), how many examples each class has, and the seconds
    of its training."""

    run: str
    request: Mapping[str, Any]
    status: str
    stop_reason: str | None
    curves: Mapping[str, Curve]
    metrics: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    evaluation: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layers: Sequence[LayerSeen] = ()
    input: LayerSeen | None = None
    counts: Sequence[int] = ()
    seconds: float = math.nan

    def curve(self, series: str) -> Curve:
        return self.curves.get(series, EMPTY)

    @cached_property
    def loss(self) -> Curve:
        """Of each step."""
        return self.curve("train.loss")

    @property
    def classification(self) -> bool:
        return bool(self.counts)

    @property
    def ended(self) -> bool:
        """It has trained to an end of its own, so that what it has not learnt by then, it has not learnt."""
        return self.status in (RunStatus.SUCCEEDED, RunStatus.FAILED) and self.stop_reason is not None

    @property
    def diverged(self) -> bool:
        return self.stop_reason == "diverged"

    @property
    def guess(self) -> float:
        """The score of the best constant prediction: the largest class's share, or an R² of 0."""
        return max(self.counts) / sum(self.counts) if self.classification else 0.0

    @cached_property
    def baseline_loss(self) -> float | None:
        """The loss of the best constant prediction, where it is known: of the classes' counts, and of a target that
        is standardised, if it is about normal."""
        wanted = loss_from_json(self.request["loss"])
        if wanted.reduction == "sum":
            return None
        if self.classification:
            counts = torch.tensor(self.counts)
            targets = torch.repeat_interleave(torch.arange(len(counts)), counts)
            return wanted.baseline_loss(targets, 1, wanted.outputs(len(counts)))
        standard = (self.request.get("scaling") or {}).get("target") == "standard"
        return {"mse": 1.0, "mae": 0.8, "huber": 0.4}[wanted.name] if standard else None

    def metric(self, part: str, name: str) -> float:
        """Of a part at the end; NaN where it is not known or not finite."""
        found = (self.metrics.get(part) or {}).get(name)
        return found if isinstance(found, int | float) else math.nan

    def score(self, part: str) -> float:
        """Accuracy or R² of a part at the end; NaN where it is not known."""
        return self.metric(part, "accuracy" if self.classification else "r2")

    @cached_property
    def learnt(self) -> float:
        """How far the training part is from a constant guess (0) on the way to no mistake (1); 0 for what diverged."""
        if self.diverged:
            return 0.0
        score, guess = self.score("train"), self.guess
        if self.weighted:  # accuracy is not what was asked for
            score, guess = self.recall("train"), 1 / len(self.counts)
        return 0.0 if math.isnan(score) else (score - guess) / max(1e-9, 1 - guess)

    @property
    def weighted(self) -> bool:
        """Classes count by weights, not by their examples."""
        return self.request["loss"].get("class_weights") is not None

    def recall(self, part: str) -> float:
        """The mean of the classes' recalls in a part's evaluation; NaN without one."""
        classes = (self.evaluation.get(part) or {}).get("per_class", [])
        return sum(found["recall"] for found in classes) / len(classes) if classes else math.nan

    @property
    def learning(self) -> list[LayerSeen]:
        """The layers with weights that learn, the output layer last; without batch norm's."""
        return [layer for layer in self.layers if layer.learns and layer.type in MAPS]

    def of_type(self, *types: str) -> list[LayerSeen]:
        return [layer for layer in self.layers if layer.type in types]
