"""How well a network does: a few numbers for each part while it learns, the whole picture at the end."""

from collections.abc import Iterator
from typing import Any

import torch
from sklearn import metrics as sk
from torch import Tensor, nn

from app.learning.data import Data, Part
from app.learning.losses import Loss

Metrics = dict[str, float]
EXAMPLES_AT_ONCE = 4096
MAPE_CLAMP = 1e-8
METRICS: dict[str, tuple[str, ...]] = {  # of each part, by task
    "classification": ("loss", "accuracy"),
    "regression": ("loss", "mse", "mae", "r2", "mape"),
}


@torch.no_grad()
def outputs(model: nn.Module, data: Data, part: Part, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """The network's outputs (n, outputs) and the prepared targets (n,) over a part, in eval mode, a slice at a time."""
    model.eval()
    for indices in torch.split(data.parts[part], EXAMPLES_AT_ONCE):
        inputs, targets = data.batch(indices, device)
        yield model(inputs), targets


def measure(model: nn.Module, data: Data, part: Part, loss: Loss, device: torch.device) -> Metrics:
    """The part's loss, with accuracy (classification) or mse, mae, r2 and mape in the target's own units."""
    predicted, targets = (torch.cat(column) for column in zip(*outputs(model, data, part, device), strict=True))
    found = {"loss": float(loss.function(predicted, targets))}
    if loss.task == "classification":
        found["accuracy"] = float((predicted.argmax(1) == targets).double().mean())
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
        "r2": float(sk.r2_score(y.numpy(), guess.numpy())) if len(y) > 1 else float("nan"),
        "mape": float((error / y.abs().clamp(min=MAPE_CLAMP)).mean()),
    }


def evaluate(
    model: nn.Module, data: Data, part: Part, loss: Loss, classes: list[str], device: torch.device
) -> dict[str, Any]:
    """The evaluation of a part as plain JSON.

    Classification: accuracy, precision, recall, F1 and support a class, the confusion matrix (row: the true class,
    column: the predicted one) and up to ten of the most confident mistakes. Regression: the metrics and MAPE's clamp.
    """
    predicted, targets = (torch.cat(column).cpu() for column in zip(*outputs(model, data, part, device), strict=True))
    if loss.task == "regression":
        metrics = regression(data.prepare_targets.invert(predicted.squeeze(1)), data.prepare_targets.invert(targets))
        return {"part": part, "examples": len(targets), **metrics, "mape_clamp": MAPE_CLAMP}
    labels = list(range(len(classes)))
    guess = predicted.argmax(1)
    columns = sk.precision_recall_fscore_support(targets, guess, labels=labels, zero_division=0.0)
    per_class = [
        {"label": name, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    ]
    confidence = predicted.double().softmax(1).amax(1)
    wrong = (guess != targets).nonzero().squeeze(1)
    worst = wrong[confidence[wrong].argsort(descending=True, stable=True)][:10]
    indices = data.parts[part].cpu()
    return {
        "part": part,
        "examples": len(targets),
        "accuracy": float((guess == targets).double().mean()),
        "classes": classes,
        "per_class": per_class,
        "confusion_matrix": sk.confusion_matrix(targets, guess, labels=labels).tolist(),
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
