"""How well a network does: a few numbers for each part while it learns, the whole picture at the end."""

from typing import Any

import torch
from torch import Tensor, nn

from app.learning.data import Data, Part
from app.learning.losses import Loss
from app.learning.outputs import OutputKind
from app.learning.preprocessing import at_once

Metrics = dict[str, float]
MAPE_CLAMP = 1e-8
TOP_K = (3, 5)
CALIBRATION_BINS = 15
METRICS: dict[str, tuple[str, ...]] = {  # of each part, by task
    "classification": ("loss", "accuracy"),
    "regression": ("loss", "mse", "mae", "r2", "mape"),
}


@torch.no_grad()
def outputs(model: nn.Module, data: Data, part: Part, device: torch.device) -> tuple[Tensor, Tensor]:
    """The network's outputs (n, outputs) and the prepared targets (n,) over a part, in eval mode.

    Some at a time, into one piece of memory: many small ones between the large would keep those from being used again.
    """
    model.eval()
    indices = data.parts[part]
    found: Tensor | None = None
    start = 0
    for some in torch.split(indices, at_once(data.inputs)):
        output: Tensor = model(data.batch(some, device)[0])
        if found is None:
            found = output.new_empty((len(indices), *output.shape[1:]))
        found[start : start + len(some)] = output
        start += len(some)
    assert found is not None
    return found, data.targets_at(indices).to(device)


def measure(
    model: nn.Module, data: Data, part: Part, loss: Loss, output_kind: OutputKind, device: torch.device
) -> Metrics:
    """The part's loss, with accuracy (classification) or mse, mae, r2 and mape in the target's own units."""
    predicted, targets = outputs(model, data, part, device)
    found = {"loss": float(loss.function(predicted, targets))}
    if loss.task == "classification":
        found["accuracy"] = float((output_kind.labels(predicted) == targets).double().mean())
    else:
        found |= regression(data.prepare_targets.invert(predicted.squeeze(1)), data.prepare_targets.invert(targets))
    return found


def regression(predicted: Tensor, targets: Tensor) -> Metrics:
    """MSE, MAE, R² and MAPE (a fraction; |target| in the denominator, at least `MAPE_CLAMP`); both (n,).

    A prediction that is not finite makes them all NaN: scikit-learn would refuse it.
    """
    y, guess = targets.double().cpu(), predicted.double().cpu()
    if not guess.isfinite().all():
        return dict.fromkeys(("mse", "mae", "r2", "mape"), float("nan"))
    error = (guess - y).abs()
    return {
        "mse": float(error.square().mean()),
        "mae": float(error.mean()),
        "r2": r2(guess, y),
        "mape": float((error / y.abs().clamp(min=MAPE_CLAMP)).mean()),
    }


def r2(predicted: Tensor, targets: Tensor) -> float:
    """1 − Σ(y − ŷ)²/Σ(y − ȳ)²; both (n,). scikit-learn's `r2_score`, which it is held to, takes a millisecond to check
    its arguments: four fifths of an epoch of a small table."""
    if len(targets) < 2:
        return float("nan")
    missed, spread = (float((targets - guess).square().sum()) for guess in (predicted, targets.mean()))
    return 1 - missed / spread if spread else float(missed == 0)


def evaluate(
    model: nn.Module, data: Data, part: Part, output_kind: OutputKind, classes: list[str], device: torch.device
) -> dict[str, Any]:
    """The evaluation of a part as plain JSON: that of its task, with the part's name and its number of examples."""
    predicted, targets = (tensor.cpu() for tensor in outputs(model, data, part, device))
    about = {"part": part, "examples": len(targets)}
    if output_kind.kind == "values":
        guess, y = (data.prepare_targets.invert(values) for values in (predicted.squeeze(1), targets))
        return about | regression(guess, y) | mape_of_the_lecture(guess, y)
    return about | classification(predicted, targets, data.parts[part].cpu(), output_kind, classes)


def mape_of_the_lecture(predicted: Tensor, targets: Tensor) -> dict[str, Any]:
    """MAPE as the lecture writes it, with |prediction| in the denominator, and the clamps of both; all (n,).

    It flatters predictions that are too large: those of 10·y are wrong by 9.0, and it says 0.9.
    """
    y, guess = targets.double().cpu(), predicted.double().cpu()
    found = float(((guess - y).abs() / guess.abs().clamp(min=MAPE_CLAMP)).mean())
    return {"mape_lecture": found, "mape_clamp": MAPE_CLAMP, "mape_lecture_clamp": MAPE_CLAMP}


def classification(
    predicted: Tensor, targets: Tensor, indices: Tensor, output_kind: OutputKind, classes: list[str]
) -> dict[str, Any]:
    """Accuracy (of the label, and of the 3 and 5 most probable ones), precision, recall, F1 and support a class and
    their macro averages, the confusion matrix (row: the true class, column: the predicted one), calibration, ROC-AUC
    for two classes, and up to ten of the most confident mistakes.

    Outputs (n, C) or (n, 1), targets (n,), the examples' indices in their dataset (n,).
    """
    from sklearn import metrics as sk  # a second to load, and only a finished run needs it

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
    """The share of examples (n,) whose class is among the `k` most probable of (n, C); NaN where these are NaN."""
    if not probabilities.isfinite().all():
        return float("nan")
    from sklearn.metrics import top_k_accuracy_score

    return float(top_k_accuracy_score(targets, probabilities, k=k, labels=range(probabilities.shape[1])))


def roc_auc(second: Tensor, targets: Tensor) -> float:
    """The chance that an example of the second class has a higher probability of it, (n,), than one of the first;
    NaN when the examples are of one class alone, or the probabilities are NaN."""
    if int(targets.min()) == int(targets.max()) or not second.isfinite().all():
        return float("nan")
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(targets, second))


def calibration(confidence: Tensor, right: Tensor) -> dict[str, Any]:
    """The expected calibration error (Guo et al. 2017, https://arxiv.org/abs/1706.04599): how far the probability of
    the predicted label (n,) is from the share of labels that are right (n,), averaged over bins of equal width.

    A bin holds what is over `from` and up to `to`; one without examples has no confidence and no accuracy.
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
