"""Facts of a run for its diagnosis, and the figures that several rules need."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any

import torch

from app.constants import RunStatus
from app.datasets.duplicates import Copies
from app.learning.architecture import walk
from app.learning.layers import LAYERS, Layer
from app.learning.layers.serialization import layers_from_json
from app.learning.losses import loss_from_json

PARTS_OF_A_CURVE = 20
ADJECTIVES = {"train": "training", "validation": "validation", "test": "test"}
POORLY = 0.7  # of the way from a constant guess to no mistake


@dataclass(frozen=True)
class Curve:
    """A curve: points in the order of their steps. Values may be NaN or ±∞."""

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
        """Medians of twenty consecutive parts of the curve; of fewer if it has fewer points."""
        count = min(PARTS_OF_A_CURVE, len(self.values))
        edges = [index * len(self.values) // count for index in range(count + 1)] if count else []
        return [median(self.values[a:b]) for a, b in pairwise(edges)]


EMPTY = Curve((), ())


def shown(value: float) -> str:
    """Text of a number in a sentence."""
    return f"{value:.3g}" if math.isfinite(value) else "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"


@dataclass(frozen=True)
class LayerSeen:
    """A layer of the request with the curves of its measures."""

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
        """The layer's place, and a measure in its first and last sample."""
        curve = self[measure]
        where = {"layer": self.name, "pointer": self.pointer, "step": curve.steps[-1]}
        return where | {measure: curve.last, f"first_{measure}": curve.first}

    def __str__(self) -> str:
        return f"layer {self.name} ({self.type})"


@dataclass(frozen=True)
class Facts:
    """A run: its id, resolved request, status, curves by series, metrics and evaluations by part, the samples of its
    layers in the network's order (without the input), the number of examples of each class, the seconds of training,
    and the exact copies across its parts (None if they are not known)."""

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
    copies: Copies | None = None

    def curve(self, series: str) -> Curve:
        return self.curves.get(series, EMPTY)

    @cached_property
    def loss(self) -> Curve:
        """Loss of each step."""
        return self.curve("train.loss")

    @property
    def classification(self) -> bool:
        return bool(self.counts)

    @property
    def examples(self) -> int | None:
        """Number of training examples; None if it is not known."""
        return (self.evaluation.get("train") or {}).get("examples")

    @property
    def pictures(self) -> bool:
        return self.request.get("normalise") is not None

    @property
    def ended(self) -> bool:
        """True if a stop criterion ended the run, so that its metrics are final."""
        return self.status in (RunStatus.SUCCEEDED, RunStatus.FAILED) and self.stop_reason is not None

    @property
    def diverged(self) -> bool:
        return self.stop_reason == "diverged"

    @property
    def guess(self) -> float:
        """Score of the best constant prediction: the largest class's share, or an R² of 0."""
        return max(self.counts) / sum(self.counts) if self.classification else 0.0

    @cached_property
    def baseline_loss(self) -> float | None:
        """Loss of the best constant prediction: from the classes' counts, or of a standardised target that is about
        normal. None if unknown."""
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
        """Final metric of a part; NaN if it is unknown or not finite."""
        value = (self.metrics.get(part) or {}).get(name)
        return value if isinstance(value, int | float) else math.nan

    def score(self, part: str) -> float:
        """Final accuracy or R² of a part; NaN if it is unknown."""
        return self.metric(part, "accuracy" if self.classification else "r2")

    def score_of(self, part: str) -> str:
        """Noun phrase for a part's score: 'the training accuracy is 93.2%' or 'the training R² is 0.61'."""
        score = self.score(part)
        number = f"accuracy is {score:.1%}" if self.classification else f"R² is {score:.2f}"
        return f"the {ADJECTIVES[part]} {number}"

    @cached_property
    def learnt(self) -> float:
        """Score of the training part on the way from a constant guess (0) to no mistake (1); 0 if the run diverged."""
        if self.diverged:
            return 0.0
        score, guess = self.score("train"), self.guess
        if self.weighted:  # the loss does not aim at accuracy
            score, guess = self.recall("train"), 1 / len(self.counts)
        return 0.0 if math.isnan(score) else (score - guess) / max(1e-9, 1 - guess)

    @property
    def weighted(self) -> bool:
        """True if the loss weighs classes."""
        return self.request["loss"].get("class_weights") is not None

    def recall(self, part: str) -> float:
        """Mean of the classes' recalls in a part's evaluation; NaN without one."""
        classes = (self.evaluation.get(part) or {}).get("per_class", [])
        return sum(of_class["recall"] for of_class in classes) / len(classes) if classes else math.nan

    @property
    def request_layers(self) -> list[dict[str, Any]]:
        """The request's layers as JSON."""
        layers: list[dict[str, Any]] = self.request["model"]["layers"]
        return layers

    @cached_property
    def network(self) -> list[Layer]:
        """The request's layers, nested ones instead of those that hold them."""
        layers = layers_from_json(self.request["model"]["layers"])
        return [layer for _, layer in walk(layers) if layer.nesting is None]

    @property
    def learning(self) -> list[LayerSeen]:
        """Linear maps that learn, the output layer last."""
        return [layer for layer in self.layers_with(lambda entry: entry.role == "linear map") if layer.learns]

    def layers_with(self, trait: Callable[[type[Layer]], bool]) -> list[LayerSeen]:
        """Layers whose registry entries have a trait."""
        return [layer for layer in self.layers if trait(LAYERS[layer.type])]
