"""A model card as Markdown, with the YAML head that Hugging Face reads.

https://huggingface.co/docs/hub/model-cards#model-card-metadata
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from app.runs.card import Card
from app.runs.markdown import escaped, fenced, table

PARTS = ("train", "validation", "test")
SETTINGS = ("loss", "optimizer", "schedule", "batch_size", "accumulate", "clip_norm", "precision", "seed", "normalise",
            "scaling", "augment")  # fmt: skip
CONFUSIONS = 5
TASKS = {  # Hugging Face's pipeline tags, by task and number of dimensions of an input
    ("classification", 3): "image-classification",
    ("classification", 1): "tabular-classification",
    ("regression", 1): "tabular-regression",
}


def card_markdown(card: Card) -> str:
    """The card as a Markdown document."""
    import yaml  # of no use elsewhere

    head = yaml.safe_dump(_head(card), allow_unicode=True, sort_keys=False, width=10_000)
    sections = (_introduction, _use, _data, _training, _results, _diagnosis, _limits)
    return f"---\n{head}---\n\n" + "\n".join(chain.from_iterable(section(card) for section in sections))


def _head(card: Card) -> dict[str, Any]:
    """Metadata of the Hub: what the model is for, and its measured figures."""
    run, tag = card.run, TASKS.get((card.run.task, len(card.dataset.about["shape"])))
    head: dict[str, Any] = (
        {"library_name": "antigrad"} | ({"pipeline_tag": tag} if tag else {}) | {"tags": ["antigrad"]}
    )
    figures = [
        {"type": name, "value": value}
        for name, value in (run.metrics.get(card.part or "") or {}).items()
        if isinstance(value, float)
    ]
    if figures:
        data = {"name": card.dataset.name, "type": card.dataset.name, "split": card.part, "revision": card.checksum}
        result = {"task": {"type": tag or run.task}, "dataset": data, "metrics": figures}
        head |= {
            "metrics": [figure["type"] for figure in figures],
            "model-index": [{"name": card.title, "results": [result]}],
        }
    return head


def _introduction(card: Card) -> Iterator[str]:
    run = card.run
    yield from (f"# {escaped(card.title)}", "")
    version = escaped(str(run.environment.get("antigrad", "")))
    yield f"A network for {run.task}, trained with Antigrad {version} as run `{run.id}`."
    yield ""


def _use(card: Card) -> Iterator[str]:
    yield from ("## Use", "", *fenced(card.usage, "sh"))


def _data(card: Card) -> Iterator[str]:
    about, request = card.dataset.about, card.run.request
    name, shape = escaped(card.dataset.name), "×".join(map(str, about["shape"]))
    yield from ("## Data", "")
    yield f"Dataset {name}, version {card.dataset.version}, `{card.dataset.id}`; inputs of {shape} numbers. SHA-256 of"
    yield from (f"its content: `{card.checksum}`.", "")
    counts = card.run.environment.get("examples", {})
    yield from table(["part", "examples"], [[part, f"{counts[part]:,}"] for part in PARTS if part in counts])
    yield from _items(f"{name}: {value}" for name, value in request["split"].items() if value is not None)
    if about["classes"]:
        classes = [[escaped(known["label"]), f"{known['count']:,}"] for known in about["classes"]]
        yield from table(["class", "examples"], classes)
    if card.remarks:
        yield from ("What the import noticed:", "", *_items(card.remarks))


def _training(card: Card) -> Iterator[str]:
    run = card.run
    yield from ("## Training", "")
    layers = [
        [escaped(place.layer.type), "×".join(map(str, place.output_shape)), f"{place.layer.parameters(place.shape):,}"]
        for place in card.layers
    ]
    yield from (f"A network of {card.parameters:,} parameters:", "", *table(["layer", "output", "parameters"], layers))
    progress = run.progress
    yield from _items(
        [
            *(f"{name}: {_setting(run.request[name])}" for name in SETTINGS if run.request.get(name) is not None),
            f"{progress.get('step', 0):,} steps, {progress.get('epoch', 0):,} epochs, "
            f"{progress.get('seconds', 0):.4g} seconds on {run.device or 'an unknown device'}; "
            f"ended by {run.stop_reason}",
        ]
    )


def _results(card: Card) -> Iterator[str]:
    yield from ("## Results", "")
    parts = [part for part in PARTS if card.run.metrics.get(part)]
    names = list(dict.fromkeys(name for part in parts for name in card.run.metrics[part]))
    rows = [[name, *(_number(card.run.metrics[part].get(name)) for part in parts)] for name in names]
    yield from table(["", *parts], rows)
    measured = card.evaluation
    if measured is None or "per_class" not in measured:
        return
    yield from ("### Classes", "", f"Of the {card.part} part:", "")
    scores = ("precision", "recall", "f1")
    yield from table(
        ["class", *scores, "examples"],
        [
            [escaped(item["label"]), *(_number(item[name]) for name in scores), f"{item['support']:,}"]
            for item in measured["per_class"]
        ],
    )
    if confusions := _confusions(measured["classes"], measured["confusion_matrix"]):
        yield from ("Most frequent mistakes:", "", *_items(confusions))
    if calibration := measured.get("calibration"):
        yield from ("### Calibration", "", f"Expected calibration error: {_number(calibration['ece'])}.", "")
        yield from table(
            ["probability", "examples", "mean", "correct"],
            [
                [f"{item['from']:.2f} to {item['to']:.2f}", f"{item['examples']:,}", _number(item["confidence"]),
                 _number(item["accuracy"])]
                for item in calibration["bins"] if item["examples"]
            ],
        )  # fmt: skip


def _confusions(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[str]:
    pairs = [
        (count, f"{classes[row]} taken for {classes[column]}: {count:,}")
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return [text for _, text in sorted(pairs, key=lambda pair: -pair[0])[:CONFUSIONS]]


def _diagnosis(card: Card) -> Iterator[str]:
    yield from ("## Diagnosis", "")
    if not card.findings:
        yield from ("Nothing was found.", "")
    yield from _items(
        f"{finding.severity}: {finding.finding}; to try: {finding.change.message.text()}" for finding in card.findings
    )


def _limits(card: Card) -> Iterator[str]:
    yield from ("## Limits", "", *_items(card.limits))


def _items(texts: Iterable[str]) -> list[str]:
    """Lines of a list of plain texts."""
    items = [f"- {escaped(text)}" for text in texts]
    return [*items, ""] if items else []


def _setting(value: Any) -> str:
    """A setting in words: "adam, lr 0.001, betas 0.9 0.999"."""
    if isinstance(value, dict):
        return ", ".join(
            str(item) if name == "name" else f"{name} {_setting(item)}"
            for name, item in value.items()
            if item is not None
        )
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _number(value: float | str | None) -> str:
    return "" if value is None else escaped(value) if isinstance(value, str) else f"{value:.4g}"
