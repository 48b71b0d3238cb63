"""Evaluation: a few metrics per part during training, and a full report at the end."""

from typing import Any

import torch
from torch import Tensor, nn

from app.learning.data import Data, Part
from app.learning.losses import Loss
from app.learning.outputs import OutputKind
from app.learning.preprocessing import at_once

Metrics = dict[str, float | None]  # None: not defined for these targets
MAPE_CLAMP = 1e-8
TOP_K = (3, 5)
CALIBRATION_BINS = 15


@torch.no_grad()
def outputs(model: nn.Module, data: Data, part: Part, device: torch.device) -> tuple[Tensor, Tensor]:
    """The network's outputs (n, outputs) and the prepared targets (n,) of a part, in eval mode.

    Chunks of examples are written into one preallocated tensor: small allocations between large ones would fragment the
    memory.
    """
    model.eval()
    indices = data.parts[part]
    all_outputs: Tensor | None = None
    start = 0
    for chunk in torch.split(indices, at_once(data.inputs)):
        output: Tensor = model(data.batch(chunk, device)[0])
        if all_outputs is None:
            all_outputs = output.new_empty((len(indices), *output.shape[1:]))
        all_outputs[start : start + len(chunk)] = output
        start += len(chunk)
    assert all_outputs is not None
    return all_outputs, data.targets_at(indices).to(device)


def measure(
    model: nn.Module, data: Data, part: Part, loss: Loss, output_kind: OutputKind, device: torch.device
) -> Metrics:
    """Loss of a part, with accuracy (classification) or mse, mae, r2 and mape in the target's units (regression)."""
    predicted, targets = outputs(model, data, part, device)
    metrics: Metrics = {"loss": float(loss.function(predicted, targets))}
    if loss.task == "classification":
        metrics["accuracy"] = float((output_kind.labels(predicted) == targets).double().mean())
    else:
        metrics |= regression(data.prepare_targets.invert(predicted.squeeze(1)), data.prepare_targets.invert(targets))
        if _zeros_of(data, part):
            metrics["mape"] = None
    return metrics


def loss_of(metrics: Metrics) -> float:
    """The loss, which is always measured."""
    loss = metrics["loss"]
    assert loss is not None
    return loss


def _zeros_of(data: Data, part: Part) -> int:
    """Number of a part's targets that are 0. Scaled and scaled back, they would be only nearly so."""
    return zeros(data.targets[data.parts[part]])


def regression(predicted: Tensor, targets: Tensor) -> Metrics:
    """MSE, MAE, R² and MAPE of predictions (n,) for targets (n,).

    MAPE is a fraction of |target|; None if a target is 0 or within `MAPE_CLAMP` of it. All are NaN if a prediction is
    not finite; scikit-learn would raise an error.
    """
    y, guess = targets.double().cpu(), predicted.double().cpu()
    if not guess.isfinite().all():
        return dict.fromkeys(("mse", "mae", "r2", "mape"), float("nan"))
    error = (guess - y).abs()
    return {
        "mse": float(error.square().mean()),
        "mae": float(error.mean()),
        "r2": r2(guess, y),
        "mape": None if zeros(y) else float((error / y.abs()).mean()),
    }


def zeros(targets: Tensor) -> int:
    """Number of targets that are 0 or nearly so: an error is no fraction of them."""
    return int((targets.double().abs() < MAPE_CLAMP).sum())


def r2(predicted: Tensor, targets: Tensor) -> float:
    """R² = 1 − Σ(y − ŷ)²/Σ(y − ȳ)² of predictions (n,) for targets (n,).

    A test compares it with scikit-learn's `r2_score`, which spends a millisecond checking its arguments: four fifths of
    an epoch of a small table.
    """
    if len(targets) < 2:
        return float("nan")
    missed, spread = (float((targets - guess).square().sum()) for guess in (predicted, targets.mean()))
    return 1 - missed / spread if spread else float(missed == 0)


def evaluate(
    model: nn.Module, data: Data, part: Part, output_kind: OutputKind, classes: list[str], device: torch.device
) -> dict[str, Any]:
    """Full evaluation of a part for the task, as plain JSON, with the part's name and its number of examples."""
    predicted, targets = (tensor.cpu() for tensor in outputs(model, data, part, device))
    about = {"part": part, "examples": len(targets)}
    if output_kind.kind == "values":
        guess, y = (data.prepare_targets.invert(values) for values in (predicted.squeeze(1), targets))
        known, zero = regression(guess, y), _zeros_of(data, part)
        return about | known | ({"mape": None} if zero else {}) | {"zero_targets": zero} | mape_of_the_lecture(guess, y)
    return about | classification(predicted, targets, data.parts[part].cpu(), output_kind, classes)


def mape_of_the_lecture(predicted: Tensor, targets: Tensor) -> dict[str, Any]:
    """MAPE as in the lecture, with |prediction| in the denominator, and the clamps of both forms.

    Predictions and targets are (n,). This form favours predictions that are too large: for predictions of 10·y it is
    0.9, while the usual MAPE is 9.0.
    """
    y, guess = targets.double().cpu(), predicted.double().cpu()
    mape = float(((guess - y).abs() / guess.abs().clamp(min=MAPE_CLAMP)).mean())
    return {"mape_lecture": mape, "mape_clamp": MAPE_CLAMP, "mape_lecture_clamp": MAPE_CLAMP}


def classification(
    predicted: Tensor, targets: Tensor, indices: Tensor, output_kind: OutputKind, classes: list[str]
) -> dict[str, Any]:
    """Full evaluation of a classifier: outputs (n, C) or (n, 1), targets (n,), indices in the dataset (n,).

    Accuracy and top-k accuracy (k = 3, 5); precision, recall, F1 and support per class with macro averages; the
    confusion matrix (row: true class, column: predicted class); calibration; ROC-AUC for two classes; up to ten of the
    most confident mistakes.
    """
    from sklearn import metrics as sk  # takes a second to load; only finished runs need it

    labels = list(range(len(classes)))
    guess, probabilities = output_kind.labels(predicted), output_kind.probabilities(predicted)
    scores = sk.precision_recall_fscore_support(targets, guess, labels=labels, zero_division=0.0)
    per_class = [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(classes, *scores, strict=True)
    ]
    macro = {name: float(score.mean()) for name, score in zip(("precision", "recall", "f1"), scores, strict=False)}
    confidence = probabilities.gather(1, guess[:, None]).squeeze(1)
    wrong = (guess != targets).nonzero().squeeze(1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:10]
    return {
        "accuracy": float((guess == targets).double().mean()),
        "top_k_accuracy": {str(k): top_k_accuracy(probabilities, targets, k) for k in TOP_K if k < len(classes)},
        "classes": classes,
        "per_class": per_class,
        "macro": macro,
        "confusion_matrix": sk.confusion_matrix(targets, guess, labels=labels).tolist(),
        "calibration": calibration(confidence, guess == targets),
        "roc_auc": roc_auc(probabilities[:, 1], targets) if len(classes) == 2 else None,
        "most_confused": [
            {
                "index": int(indices[k]),
                "label": classes[int(targets[k])],
                "predicted": classes[int(guess[k])],
                "probability": float(confidence[k]),
            }
            for k in worst
        ],
    }


def top_k_accuracy(probabilities: Tensor, targets: Tensor, k: int) -> float:
    """Share of examples whose class (n,) is among the `k` most probable of (n, C); NaN if a probability is NaN."""
    if not probabilities.isfinite().all():
        return float("nan")
    from sklearn.metrics import top_k_accuracy_score

    return float(top_k_accuracy_score(targets, probabilities, k=k, labels=range(probabilities.shape[1])))


def roc_auc(second: Tensor, targets: Tensor) -> float:
    """ROC-AUC of the second class's probabilities (n,).

    It is the probability that an example of the second class scores higher than one of the first. NaN if all examples
    are of one class, or a probability is NaN.
    """
    if int(targets.min()) == int(targets.max()) or not second.isfinite().all():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(targets, second))


def calibration(confidence: Tensor, right: Tensor) -> dict[str, Any]:
    """Expected calibration error over bins of equal width: Guo et al. 2017, https://arxiv.org/abs/1706.04599.

    It compares the probability of the predicted label (n,) with the share of correct labels (n,). A bin covers
    probabilities above `from`, up to and including `to`. An empty bin has no confidence and no accuracy.
    """
    if not confidence.isfinite().all():
        return {"ece": float("nan"), "bins": []}
    place = (confidence * CALIBRATION_BINS).ceil().long().clamp(1, CALIBRATION_BINS) - 1
    ece, bins = 0.0, []
    for index in range(CALIBRATION_BINS):
        here = place == index
        examples = int(here.sum())
        sure = float(confidence[here].mean()) if examples else None
        accuracy = float(right[here].double().mean()) if examples else None
        if sure is not None and accuracy is not None:
            ece += examples / len(right) * abs(accuracy - sure)
        edges: dict[str, Any] = {"from": index / CALIBRATION_BINS, "to": (index + 1) / CALIBRATION_BINS}
        bins.append(edges | {"examples": examples, "confidence": sure, "accuracy": accuracy})
    return {"ece": ece, "bins": bins}
