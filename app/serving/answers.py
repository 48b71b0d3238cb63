"""Answers to predictions, written without a model for each label: with models they take longer than the network."""

import csv
import io
import json
from collections.abc import Sequence

from app.learning.serialization import Trained
from app.serving.scores import Row, Scores


class AnswerWriter:
    """Writes the predictions of one network as JSON (`PredictAnswer`), plain text or CSV."""

    def __init__(self, trained: Trained) -> None:
        self.classes = trained.classes
        self.labels = [json.dumps(name) for name in trained.classes]
        self.has_logits = trained.output_kind.kind != "probabilities"

    def json(self, row: Row, count: int | None, logits: bool) -> str:
        """One prediction. `count` is the number of labels; None for all."""
        if not isinstance(row, Scores):
            return f'{{"value":{row!r}}}'
        labels = self.labels
        top = ",".join(
            [
                f'{{"label":{labels[place]},"probability":{chance!r}}}'
                for place, chance in zip(row.order[:count], row.chances[:count], strict=True)
            ]
        )
        written = f'{{"label":{labels[row.label]},"probability":{row.probability!r},"top":[{top}]'
        return f'{written},"logits":{json.dumps(row.outputs)}}}' if logits and self.has_logits else written + "}"

    def text(self, rows: Sequence[Row]) -> str:
        """Labels or values alone, one a line."""
        return "".join(f"{self._alone(row)}\n" for row in rows)

    def csv(self, rows: Sequence[Row], names: Sequence[str]) -> str:
        """A table with a line for each prediction: the input's name, the label, its probability, and the probability of
        each class; or the value."""
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(["input", *self.columns])
        for name, row in zip(names, rows, strict=True):
            writer.writerow([name, *self.cells(row)])
        return file.getvalue()

    @property
    def columns(self) -> list[str]:
        """Names of a prediction's columns in a table."""
        if not self.classes:
            return ["value"]
        return ["label", "probability", *(f"probability of {name}" for name in self.classes)]

    def _alone(self, row: Row) -> str:
        return " ".join(self.classes[row.label].splitlines()) if isinstance(row, Scores) else repr(row)

    def cells(self, row: Row) -> list[object]:
        """A prediction's cells in a table, in the order of `columns`."""
        if not isinstance(row, Scores):
            return [row]
        chances = dict(zip(row.order, row.chances, strict=True))
        return [self.classes[row.label], row.probability, *(chances[place] for place in range(len(self.classes)))]
