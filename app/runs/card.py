"""Model card of a trained run: its data, training, figures, diagnosis and limits, all from the record.

Mitchell et al. 2019, Model Cards for Model Reporting, https://arxiv.org/abs/1810.03993.
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from app.datasets.formats.dates import DateFormat
from app.insight.diagnosis.rule import Finding
from app.learning.architecture import flatten_layers, rows
from app.learning.layers import LayerShape
from app.learning.layers.serialization import layers_from_json
from app.messages import Message
from app.messages.report import sentence, worst_first
from app.storage.tables import Dataset, Run

MOST_PARAMETERS = 10**9  # older versions allowed larger networks
EVALUATED = ("test", "validation", "train")  # the first that the run was evaluated on is shown
MOST_COLUMNS = 20  # in the example of a row
CONFIDENCE = 1.96  # standard errors on each side: 95%


@dataclass(frozen=True)
class Card:
    """Facts of a run for the people who use its network.

    layers: with the shapes of their outputs, blocks unrolled. part: the part that `evaluation` is of. limits, usage:
    sentences, and commands of a shell.
    """

    run: Run
    dataset: Dataset
    layers: Sequence[LayerShape]
    part: str | None
    evaluation: Mapping[str, Any] | None
    findings: Sequence[Finding]
    remarks: Sequence[str]
    limits: Sequence[str]
    usage: Sequence[str]

    @property
    def title(self) -> str:
        return self.run.name or self.run.id

    @property
    def checksum(self) -> str:
        """SHA-256 of the data that it was trained on; older runs do not name it."""
        return str(self.run.environment.get("dataset_checksum", self.dataset.about["checksum"]))

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return sum(place.layer.parameters(place.shape) for place in self.layers)


def card_of(run: Run, dataset: Dataset, columns: Sequence[Mapping[str, Any]], findings: Sequence[Finding]) -> Card:
    """The card of a run on its dataset; `columns` are the inputs of a table as the dataset describes them."""
    shape = tuple(dataset.about["shape"])
    layers = rows(layers_from_json(run.request["model"]["layers"]), shape, MOST_PARAMETERS)
    evaluations = run.evaluation or {}
    part = next((name for name in EVALUATED if evaluations.get(name)), None)
    evaluation = evaluations[part] if part else None
    return Card(
        run=run,
        dataset=dataset,
        layers=[place for _, place in flatten_layers(layers, opened=("sequence",))],
        part=part,
        evaluation=evaluation,
        findings=findings,
        remarks=_remarks(dataset),
        limits=[*_limits_of_inputs(shape, dataset), *_limits_of_figures(run, part, evaluation)],
        usage=_usage(run.id, shape, columns),
    )


def _remarks(dataset: Dataset) -> list[str]:
    """Sentences of the import's report, worst first."""
    warnings = dataset.about.get("warnings", [])  # of older versions they may be sentences
    messages = worst_first(Message.from_json(warning) for warning in warnings if isinstance(warning, dict))
    return [*map(sentence, messages), *(warning for warning in warnings if isinstance(warning, str))]


def _limits_of_inputs(shape: tuple[int, ...], dataset: Dataset) -> list[str]:
    limits = []
    if len(shape) == 3:
        channels, height, width = shape
        colour = {1: "gray", 3: "colour"}.get(channels, f"{channels}-channel")
        limits.append(
            f"Its inputs are {colour} pictures of {width}×{height} pixels that look like those of the dataset; it says "
            "nothing reliable about others."
        )
    else:
        limits.append("It predicts from rows like those of the dataset; it says nothing reliable about others.")
    if classes := dataset.about["classes"]:
        limits.append(
            f"It knows {len(classes)} classes, and names one of them for every input, even for one of none of them."
        )
    return limits


def _limits_of_figures(run: Run, part: str | None, evaluation: Mapping[str, Any] | None) -> list[str]:
    if evaluation is None:
        return ["It has not been evaluated: nothing is known about how well it predicts."]
    limits, examples = [], evaluation["examples"]
    if part != "test":
        limits.append(f"No example was kept for testing: its figures are those of the {part} part, and too good.")
    if "accuracy" in evaluation:
        low, high = wilson_interval(evaluation["accuracy"], examples)
        worst = min(evaluation["per_class"], key=lambda score: float(score["recall"]))
        limits.append(
            f"Its accuracy of {evaluation['accuracy']:.3f} was measured on {examples:,} examples: the 95% interval is "
            f"{low:.3f} to {high:.3f}."
        )
        limits.append(f"It misses {worst['label']} most often: it finds {worst['recall']:.0%} of these examples.")
    else:
        limits.append(f"Its errors were measured on {examples:,} examples, in the target's units.")
    if run.fault is not None:
        limits.append("It was trained with a deliberate mistake, to show what the mistake does: do not use it.")
    return limits


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """The 95% interval of a probability of which `share` was seen in `count` trials.

    Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953.
    """
    squared = CONFIDENCE**2 / count
    centre = (share + squared / 2) / (1 + squared)
    spread = CONFIDENCE / (1 + squared) * sqrt(share * (1 - share) / count + squared / (4 * count))
    return centre - spread, centre + spread


def _usage(run: str, shape: tuple[int, ...], columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Commands that predict, and one that saves the network."""
    address = f'"$ANTIGRAD_URL/predict?run={run}"'
    if len(shape) == 3:
        ways = [
            f"antigrad predict {run} picture.png",
            f"curl --data-binary @picture.png -H 'Content-Type: image/png' {address}",
        ]
    else:
        ways = [f"antigrad predict {run} rows.csv"]
        if shape[0] <= MOST_COLUMNS:
            row = {column["name"]: _example(column) for column in columns} or [0] * shape[0]
            body = shlex.quote(json.dumps({"instances": [row]}))
            ways.append(f"curl -H 'Content-Type: application/json' -d {body} {address}")
    return [*ways, f"antigrad onnx {run}"]


def _example(column: Mapping[str, Any]) -> float | str:
    """A value that the column takes."""
    if column.get("categories"):
        return str(column["categories"][0])
    return DateFormat.from_json(column["dates"]).example if column.get("dates") else 0
