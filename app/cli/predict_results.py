"""Results of `antigrad predict`: lines, one JSON document, or a CSV file."""

import csv
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from app.cli.http import REFUSED, exit_with
from app.cli.output import say, say_items, say_json
from app.cli.predict_inputs import Columns
from app.cli.progress import shown
from app.os_errors import reason_of

STRONGEST = 10  # columns of an explanation


class Results(AbstractContextManager["Results"], Protocol):
    """A destination of predictions; complete when the context ends without an exception."""

    def take(self, names: Sequence[str], answer: dict[str, Any]) -> None:
        """Take the service's answer for a group of inputs."""


class Lines(Results):
    """A line for each input on stdout, with explanations below it. `columns` are those of a table."""

    def __init__(self, columns: Columns | None) -> None:
        self.features = () if columns is None else columns.features

    def take(self, names: Sequence[str], answer: dict[str, Any]) -> None:
        explained = answer.get("saliency") or [None] * len(names)
        for name, prediction, saliency in zip(names, answer["predictions"], explained, strict=True):
            say(f"{name}: {_shown(prediction)}")
            if prediction.get("logits"):
                say_items([f"logits {' '.join(map(shown, prediction['logits']))}"])
            if saliency is not None:
                strengths = zip(self.features, saliency["values"], strict=True)
                strongest = sorted(strengths, key=lambda strength: -abs(strength[1]))[:STRONGEST]
                say_items([f"{feature} {value:+.3g}" for feature, value in strongest])
        if (done := answer.get("preprocessing")) is not None:
            say_items(_preprocessing(done))

    def __exit__(self, *_: object) -> None: ...


class Document(Results):
    """One answer like the service's, with the names of all inputs."""

    def __init__(self) -> None:
        self.whole: dict[str, Any] = {}

    def take(self, names: Sequence[str], answer: dict[str, Any]) -> None:
        if not self.whole:
            self.whole = answer | {"inputs": [*names]}
            return
        self.whole["inputs"] += names
        for member in ("predictions", "saliency", "logged"):
            if member in answer:
                self.whole[member] = self.whole.get(member, []) + answer[member]
        if answer.get("preprocessing") is not None:
            for member in ("inverted", "uniform", "remarks"):
                self.whole["preprocessing"][member] += answer["preprocessing"][member]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            say_json(self.whole)


class CsvFile(Results):
    """A CSV file with the label and its probability, or the value. Ends the command if it cannot be written."""

    def __init__(self, path: Path, as_json: bool) -> None:
        self.path, self.as_json, self.count = path, as_json, 0

    def take(self, names: Sequence[str], answer: dict[str, Any]) -> None:
        fields = [field for field in ("label", "probability", "value") if field in answer["predictions"][0]]
        try:
            # Not opened before: an earlier result stays if the first request is refused.
            with self.path.open("a" if self.count else "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                if self.count == 0:
                    writer.writerow(["input", *fields])
                for name, prediction in zip(names, answer["predictions"], strict=True):
                    writer.writerow([name, *(prediction[field] for field in fields)])
        except OSError as error:
            exit_with(REFUSED, f"{self.path} cannot be written: {reason_of(error)}")
        self.count += len(names)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.count == 0:
            return
        if self.as_json and kind is None:
            say_json({"file": str(self.path), "predictions": self.count})
        else:
            say(f"{self.path}: {self.count:,} predictions", err=kind is not None)


def _preprocessing(done: dict[str, Any]) -> list[str]:
    """The preprocessing of a group's inputs, as items."""
    items = [f"shape {'×'.join(map(str, done['input_shape']))}", f"inverted {sum(done['inverted'])}"]
    items += [f"{name} {shown(done[name][0])}" for name in ("shift", "scale") if len(done[name]) == 1]
    return [*items, *done["remarks"]]


def _shown(prediction: dict[str, Any]) -> str:
    if "top" in prediction:
        return ", ".join(f"{item['label']} {item['probability']:.3f}" for item in prediction["top"])
    return f"{prediction['value']:.6g}"
