"""Registry of the losses: fields, formula, hand-written gradient, and the loss of the best constant prediction.

An entry is a frozen dataclass. A new loss is one class here, listed in `LOSSES`; the API's schema follows from it.
Losses are summed over the examples of a batch; `mean` divides by their number, `sum` (the lecture's L) does not.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from app.learning.fields import bounded
from app.learning.source import Code, call, literal

Task = Literal["classification", "regression"]
Reduction = Literal["mean", "sum"]
REDUCTION_DOC = "over the examples of a batch; with sum, the gradient grows with the batch size"
BISECTIONS = 60  # enough for a double, which has 53 bits


class Loss(Protocol):
    """Interface of an entry."""

    name: ClassVar[str]
    task: ClassVar[Task]
    input: ClassVar[Literal["logits", "values"]]
    formula: ClassVar[str]
    gradient_formula: ClassVar[str]
    advantages: ClassVar[tuple[str, ...]]
    drawbacks: ClassVar[tuple[str, ...]]

    @property
    def reduction(self) -> Reduction: ...

    def outputs(self, classes: int) -> int:
        """Number of outputs that the network must have; `classes` is 0 for regression."""
        ...

    def function(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a scalar, for outputs (N, outputs) and targets (N,). Raises ValueError for other shapes."""
        ...

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """∂L/∂outputs, hand-written, with the shape of the outputs."""
        ...

    def with_gradient(self, outputs: Tensor, targets: Tensor, out: Tensor) -> Tensor:
        """The loss, a scalar; writes its gradient to `out`."""
        ...

    def each_with_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The loss of each example, (N,), and its gradient, with the shape of the outputs, before the reduction."""
        ...

    def example_weights(self, targets: Tensor) -> Tensor | None:
        """Weights of the examples in a mean, (N,); None if all count alike."""
        ...

    def divisor(self, targets: Tensor) -> float:
        """Divisor of the sum over examples with the targets (N,)."""
        ...

    def baseline_loss(self, targets: Tensor, batch: int, outputs: int) -> float:
        """Loss of the best constant prediction of `outputs` numbers for `batch` examples with targets like these."""
        ...

    def source(self) -> str:
        """Code of `function` over `output` ((N, C), or (N,) for a single output) and `y`."""
        ...

    def constant_source(self) -> tuple[str, ...]:
        """Code that computes the best constant prediction from the training targets `y_train`.

        Statements, then an expression with the shape of one output.
        """
        ...


def column(outputs: Tensor, targets: Tensor) -> Tensor:
    """Outputs (N, 1) as (N,), the shape of the targets.

    Without it, (N, 1) − (N,) would broadcast to (N, N), and the network would silently learn the mean.
    Raises ValueError for other shapes.
    """
    if outputs.shape != (*targets.shape, 1):
        given, needed = tuple(outputs.shape), (*targets.shape, 1)
        raise ValueError(f"targets of shape {tuple(targets.shape)} need outputs of shape {needed}, not {given}")
    return outputs.squeeze(-1)


def _reduced(reduction: Reduction) -> dict[str, Any]:
    """PyTorch's `reduction` argument, unless it is the default."""
    return {} if reduction == "mean" else {"reduction": reduction}


@dataclass(frozen=True)
class CrossEntropy:
    """The negative log-probability of the correct class, from logits (N, C) and targets (N,) int64.

    With label smoothing ε the target probability is 1 − ε + ε/C for the correct class and ε/C for the others. With
    class weights w the mean divides by the sum of the examples' weights, as in `torch.nn.CrossEntropyLoss`.
    """

    name: ClassVar[str] = "cross_entropy"
    task: ClassVar[Task] = "classification"
    input: ClassVar[Literal["logits", "values"]] = "logits"
    formula: ClassVar[str] = "L = −Σ_c q_c log p_c,  p = softmax(z),  q = w_y ((1 − ε)·1[c = y]) + w_c ε/C"
    gradient_formula: ClassVar[str] = "∂L/∂z = p Σ_c q_c − q"
    advantages: ClassVar[tuple[str, ...]] = (
        "its gradient p − q does not vanish if the network is confident and wrong",
        "after a softmax, the outputs are probabilities of the classes",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "takes logits: if the network ends with a softmax, the loss cannot fall below ln(e + C − 1) − 1",
        "keeps pushing correct predictions towards certainty, which label smoothing prevents",
    )

    label_smoothing: float = bounded(0.0, doc="ε: share of each label that is spread over all classes", ge=0, lt=1)
    class_weights: tuple[float, ...] | None = bounded(
        None, doc="one for each class, in the order of the dataset's classes", gt=0, le=1e6
    )
    reduction: Reduction = bounded("mean", doc=REDUCTION_DOC)

    def outputs(self, classes: int) -> int:
        return classes

    def function(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self._check(outputs, targets)
        weights, smoothing = self._weights(outputs), self.label_smoothing
        return F.cross_entropy(outputs, targets, weights, reduction=self.reduction, label_smoothing=smoothing)

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        self._check(outputs, targets)
        p, weights, smoothing = outputs.softmax(1), self._weights(outputs), self.label_smoothing
        if weights is None and smoothing == 0:
            return self._without_options(p, targets)
        correct = F.one_hot(targets, outputs.shape[1])
        w = p.new_ones(p.shape[1]) if weights is None else weights
        q = (1 - smoothing) * w[targets, None] * correct + smoothing / len(w) * w
        gradient = p * q.sum(1, keepdim=True) - q
        return gradient / w[targets].sum() if self.reduction == "mean" else gradient

    def with_gradient(self, outputs: Tensor, targets: Tensor, out: Tensor) -> Tensor:
        if self.class_weights is not None or self.label_smoothing != 0:
            out.copy_(self.gradient(outputs, targets))
            return self.function(outputs, targets)
        self._check(outputs, targets)
        log_p = outputs.log_softmax(1)
        self._without_options(torch.exp(log_p, out=out), targets)
        return F.nll_loss(log_p, targets, reduction=self.reduction)

    def each_with_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        summed = replace(self, reduction="sum")
        if self.class_weights is not None or self.label_smoothing != 0:
            weights, smoothing = self._weights(outputs), self.label_smoothing
            each = F.cross_entropy(outputs, targets, weights, reduction="none", label_smoothing=smoothing)
            return each, summed.gradient(outputs, targets)
        log_p = outputs.log_softmax(1)
        return F.nll_loss(log_p, targets, reduction="none"), summed._without_options(log_p.exp(), targets)

    def example_weights(self, targets: Tensor) -> Tensor | None:
        return None if self.class_weights is None else torch.tensor(self.class_weights, device=targets.device)[targets]

    def _without_options(self, p: Tensor, targets: Tensor) -> Tensor:
        """The gradient p − 1[c = y], in place."""
        gradient = p.scatter_(1, targets[:, None], -1.0, reduce="add")
        return gradient.div_(targets.numel()) if self.reduction == "mean" else gradient

    def divisor(self, targets: Tensor) -> float:
        if self.reduction == "sum":
            return 1.0
        weights = self.example_weights(targets)
        return len(targets) if weights is None else float(weights.sum())

    def baseline_loss(self, targets: Tensor, batch: int, outputs: int) -> float:
        """Entropy in nats of the target distribution; without options, that of the class frequencies."""
        counts = torch.bincount(targets, minlength=outputs).double()
        weights = torch.ones_like(counts) if self.class_weights is None else counts.new_tensor(self.class_weights)
        smoothed = self.label_smoothing / len(counts) * counts.sum()
        wanted = weights * ((1 - self.label_smoothing) * counts + smoothed)
        total = wanted.sum()
        loss = float(torch.special.entr(wanted / total).sum() * total)
        return loss / float((weights * counts).sum()) if self.reduction == "mean" else loss * batch / len(targets)

    def source(self) -> str:
        named: dict[str, Any] = {"weight": Code("class_weights")} if self.class_weights else {}
        if self.label_smoothing:
            named["label_smoothing"] = self.label_smoothing
        return call("F.cross_entropy", Code("output"), Code("y"), **named, **_reduced(self.reduction))

    def constant_source(self) -> tuple[str, ...]:
        lines = ["shares = y_train.bincount(minlength=len(classes)) / len(y_train)"]
        if self.label_smoothing:
            right, shared = literal(1 - self.label_smoothing), literal(self.label_smoothing)
            lines.append(f"shares = {right} * shares + {shared} / len(classes)")
        if self.class_weights:
            lines.append("shares = class_weights * shares")
        return *lines, "shares.log()"

    def _weights(self, outputs: Tensor) -> Tensor | None:
        return None if self.class_weights is None else outputs.new_tensor(self.class_weights)

    @staticmethod
    def _check(outputs: Tensor, targets: Tensor) -> None:
        if outputs.dim() != 2 or targets.shape != outputs.shape[:1]:
            given = f"{tuple(outputs.shape)} and {tuple(targets.shape)}"
            raise ValueError(
                f"cross_entropy needs outputs of shape (N, classes) and targets of shape (N,), not {given}"
            )


class _Column:
    """Base class of the losses with one output per example: reduces `each` (N,) and `slope` (N,) of (ŷ, y)."""

    reduction: Reduction

    def outputs(self, classes: int) -> int:
        return 1

    def function(self, outputs: Tensor, targets: Tensor) -> Tensor:
        each = self.each(column(outputs, targets), targets)
        return each.mean() if self.reduction == "mean" else each.sum()

    def gradient(self, outputs: Tensor, targets: Tensor) -> Tensor:
        slope = self.slope(column(outputs, targets), targets)
        return (slope / len(targets) if self.reduction == "mean" else slope).unsqueeze(-1)

    def with_gradient(self, outputs: Tensor, targets: Tensor, out: Tensor) -> Tensor:
        out.copy_(self.gradient(outputs, targets))
        return self.function(outputs, targets)

    def each_with_gradient(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        output = column(outputs, targets)
        return self.each(output, targets), self.slope(output, targets).unsqueeze(-1)

    def example_weights(self, targets: Tensor) -> Tensor | None:
        return None

    def divisor(self, targets: Tensor) -> float:
        return len(targets) if self.reduction == "mean" else 1.0

    def baseline_loss(self, targets: Tensor, batch: int, outputs: int) -> float:
        targets = targets.double()
        loss = float(self.each(self.best_constant(targets).expand_as(targets), targets).mean())
        return loss if self.reduction == "mean" else loss * batch

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of each example."""
        raise NotImplementedError

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The derivative of `each` with respect to the output."""
        raise NotImplementedError

    def best_constant(self, targets: Tensor) -> Tensor:
        """The constant output, a scalar, with the smallest loss over all targets (N,)."""
        raise NotImplementedError


@dataclass(frozen=True)
class BinaryCrossEntropy(_Column):
    """Cross-entropy of two classes from one logit (N, 1), that of the second class; targets (N,) int64, 0 or 1."""

    name: ClassVar[str] = "binary_cross_entropy"
    task: ClassVar[Task] = "classification"
    input: ClassVar[Literal["logits", "values"]] = "logits"
    formula: ClassVar[str] = "L = −(y log σ(z) + (1 − y) log(1 − σ(z))) = softplus(z) − y z"
    gradient_formula: ClassVar[str] = "∂L/∂z = σ(z) − y"
    advantages: ClassVar[tuple[str, ...]] = (
        "one output for two classes, with a threshold that trades false positives for false negatives",
        "computed from the logit: no saturated σ, no logarithm of 0",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "two classes only",
        "takes the logit: if the network ends with a sigmoid, it is applied twice",
    )

    threshold: float = bounded(0.5, doc="the second class is predicted at or above this probability", gt=0, lt=1)
    reduction: Reduction = bounded("mean", doc=REDUCTION_DOC)

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(outputs, targets.to(outputs.dtype), reduction="none")

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sigmoid() - targets

    def best_constant(self, targets: Tensor) -> Tensor:
        return targets.mean().logit(eps=1e-15)  # ±35 for a single class: a loss of 0

    def source(self) -> str:
        arguments = Code("output"), Code("y.float()")
        return call("F.binary_cross_entropy_with_logits", *arguments, **_reduced(self.reduction))

    def constant_source(self) -> tuple[str, ...]:
        return ("y_train.double().mean().logit(eps=1e-15).float()",)


@dataclass(frozen=True)
class MSE(_Column):
    """The mean squared error of values (N, 1) for targets (N,)."""

    name: ClassVar[str] = "mse"
    task: ClassVar[Task] = "regression"
    input: ClassVar[Literal["logits", "values"]] = "values"
    formula: ClassVar[str] = "L = (ŷ − y)²"
    gradient_formula: ClassVar[str] = "∂L/∂ŷ = 2 (ŷ − y)"
    advantages: ClassVar[tuple[str, ...]] = ("smooth: the best constant prediction is the mean",)
    drawbacks: ClassVar[tuple[str, ...]] = ("one outlier outweighs many examples, since errors are squared",)

    reduction: Reduction = bounded("mean", doc=REDUCTION_DOC)

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square()

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return 2 * (outputs - targets)

    def best_constant(self, targets: Tensor) -> Tensor:
        return targets.mean()

    def source(self) -> str:
        return call("F.mse_loss", Code("output"), Code("y"), **_reduced(self.reduction))

    def constant_source(self) -> tuple[str, ...]:
        return ("y_train.mean()",)


@dataclass(frozen=True)
class MAE(_Column):
    """The mean absolute error of values (N, 1) for targets (N,). It has no derivative at 0; 0 is used there."""

    name: ClassVar[str] = "mae"
    task: ClassVar[Task] = "regression"
    input: ClassVar[Literal["logits", "values"]] = "values"
    formula: ClassVar[str] = "L = |ŷ − y|"
    gradient_formula: ClassVar[str] = "∂L/∂ŷ = sign(ŷ − y)"
    advantages: ClassVar[tuple[str, ...]] = ("robust to outliers: the best constant prediction is the median",)
    drawbacks: ClassVar[tuple[str, ...]] = ("small errors have as large a gradient as large ones, so steps stay large",)

    reduction: Reduction = bounded("mean", doc=REDUCTION_DOC)

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs()

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).sign()

    def best_constant(self, targets: Tensor) -> Tensor:
        return targets.median()

    def source(self) -> str:
        return call("F.l1_loss", Code("output"), Code("y"), **_reduced(self.reduction))

    def constant_source(self) -> tuple[str, ...]:
        return ("y_train.median()",)


@dataclass(frozen=True)
class Huber(_Column):
    """The Huber loss of values (N, 1) for targets (N,): quadratic up to an error of δ, linear beyond.

    Huber 1964, https://doi.org/10.1214/aoms/1177703732.
    """

    name: ClassVar[str] = "huber"
    task: ClassVar[Task] = "regression"
    input: ClassVar[Literal["logits", "values"]] = "values"
    formula: ClassVar[str] = "L = ½ e² where |e| ≤ δ, else δ (|e| − ½ δ);  e = ŷ − y"
    gradient_formula: ClassVar[str] = "∂L/∂ŷ = max(−δ, min(e, δ))"
    advantages: ClassVar[tuple[str, ...]] = ("smooth like mse for small errors, robust to outliers like mae",)
    drawbacks: ClassVar[tuple[str, ...]] = ("δ has to fit the scale of the target",)

    delta: float = bounded(1.0, doc="δ: the error above which the loss is linear, in scaled units", gt=0, le=1e9)
    reduction: Reduction = bounded("mean", doc=REDUCTION_DOC)

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.huber_loss(outputs, targets, reduction="none", delta=self.delta)

    def slope(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).clamp_(-self.delta, self.delta)

    def best_constant(self, targets: Tensor) -> Tensor:
        """The constant at which the slopes sum to 0, by bisection: the sum grows with the constant."""
        low, high = targets.min(), targets.max()
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if self.slope(middle, targets).sum() > 0 else (middle, high)
        return (low + high) / 2

    def source(self) -> str:
        scale = {} if self.delta == 1 else {"delta": self.delta}
        return call("F.huber_loss", Code("output"), Code("y"), **scale, **_reduced(self.reduction))

    def constant_source(self) -> tuple[str, ...]:
        delta = literal(self.delta)
        return (
            "low, high = y_train.min(), y_train.max()",
            f"for _ in range({BISECTIONS}):  # where the slopes sum to 0",
            "    middle = (low + high) / 2",
            f"    if (middle - y_train).clamp(-{delta}, {delta}).sum() > 0:",
            "        high = middle",
            "    else:",
            "        low = middle",
            "middle",
        )


LOSSES: dict[str, type[Loss]] = {entry.name: entry for entry in (CrossEntropy, BinaryCrossEntropy, MSE, MAE, Huber)}
DEFAULT_LOSS: dict[Task, str] = {"classification": "cross_entropy", "regression": "mse"}


def loss_from_json(stored: str | dict[str, Any]) -> Loss:
    """The loss of a stored request; older requests hold only its name."""
    fields = {} if isinstance(stored, str) else dict(stored)
    name = stored if isinstance(stored, str) else fields.pop("name")
    if fields.get("class_weights") is not None:
        fields["class_weights"] = tuple(fields["class_weights"])
    return LOSSES[name](**fields)


def loss_to_json(loss: Loss) -> dict[str, Any]:
    """The loss as stored in requests: its name and fields."""
    return {"name": loss.name} | asdict(loss)  # type: ignore[call-overload, no-any-return]
