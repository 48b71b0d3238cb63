"""A loaded network that predicts in batches."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import NDArray

from app.learning.serialization import Trained
from app.serving.answers import AnswerWriter
from app.serving.batching import Batcher
from app.serving.executor import is_cheap, run_in_thread
from app.serving.scores import Row, Scores


class Predictor:
    """A trained network with its batcher. Belongs to one event loop."""

    def __init__(self, trained: Trained) -> None:
        self.trained, self.write = trained, AnswerWriter(trained)
        self.batcher: Batcher[Row] = Batcher(self.predict, self._is_cheap)

    def predict(self, inputs: NDArray[Any]) -> Sequence[Row]:
        """Predictions for raw inputs (n, *input_shape)."""
        return predict(self.trained, inputs)

    async def predict_apart(self, inputs: NDArray[Any]) -> Sequence[Row]:
        """Predictions outside of the batches of live requests: for n ≤ `MOST` inputs (n, *input_shape)."""
        if self._is_cheap(len(inputs)):
            return self.predict(inputs)
        return await run_in_thread(lambda: self.predict(inputs))

    def _is_cheap(self, count: int) -> bool:
        labels = count * (1 + len(self.trained.classes))
        return is_cheap(products=count * self.trained.multiply_adds, labels=labels)


def predict(trained: Trained, inputs: NDArray[Any]) -> Sequence[Row]:
    """Predictions for raw inputs (n, *input_shape) in one forward pass, in eval mode under `torch.no_grad()`."""
    outputs = trained.outputs(torch.from_numpy(inputs))
    finite = outputs.isfinite()
    if trained.task == "regression":
        return _finite_only(outputs.tolist(), finite)
    probabilities = trained.output_kind.probabilities(outputs)
    labels = trained.output_kind.labels(outputs)
    # Stable, like argmax: of equal probabilities the first one is the label and comes first.
    chances, order = probabilities.sort(descending=True, stable=True)
    chosen = probabilities.gather(1, labels[:, None]).squeeze(1)
    columns = (labels, chosen, order, chances, outputs)
    rows = [Scores(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
    return _finite_only(rows, finite.all(1))


def _finite_only(rows: Sequence[Row], finite: torch.Tensor) -> Sequence[Row]:
    """The rows, with None for those that are not finite: `finite` (n,)."""
    if finite.all():
        return rows
    return [row if sound else None for row, sound in zip(rows, finite.tolist(), strict=True)]
