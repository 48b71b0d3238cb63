"""A table, CSV or Parquet: read twice, once to see what its columns hold, and once to write it down."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import (
    Column,
    Row,
    Value,
    as_text,
    check_types,
    listed,
    missing,
    number,
    refuse_too_many,
    surveyed,
)
from app.datasets.formats.growing import Growing
from app.datasets.reading import CLASSES, Imported, Kind, Reading, Scratch, Skipped, Task, Tell, half

OPTIONS = ("target", "task", "types")  # the fields of `Reading` that say something of a table
FEW = 20  # different whole numbers, which may well be classes


class Table(Protocol):
    """What a format gives. `comma`: numbers may have a decimal comma."""

    names: list[str]
    comma: bool
    about: dict[str, Any]

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]: ...


def read_table(table: Table, reading: Reading, scratch: Scratch, tell: Tell) -> Imported:
    """Numbers as they are, NaN where one is missing; a category as a column of zeros and ones for each of its values.

    A row without its target is skipped. Raises ImportFailed.
    """
    target = reading.target
    if target is None:
        raise ImportFailed(f"say which column is to be predicted, with target=; the columns are {listed(table.names)}")
    skipped = Skipped()
    columns = surveyed(table.names, table.rows(skipped, half(tell, 0)), target, table.comma, CLASSES)
    check_types(reading.types, columns, target)
    wanted = next(column for column in columns if column.name == target)
    task = _task(wanted, reading.task)
    inputs = [(place, column, column.kind(reading.types.get(column.name)))
              for place, column in enumerate(columns) if column is not wanted]  # fmt: skip
    names = [name for _, column, kind in inputs for name in _columns(column, kind)]
    if not names:
        raise ImportFailed("no column is left to predict from: each is empty, or text with too many different values")
    refuse_too_many(wanted.count, len(names))  # a category has become a number for each of its values
    classes = tuple(sorted(wanted.values, key=_order(wanted))) if task == "classification" else ()
    features, targets = Growing(scratch(), (len(names),), np.float32), Growing(scratch(), (), np.float64)
    numbered = {label: float(index) for index, label in enumerate(classes)}
    place_of_target = columns.index(wanted)
    encoders = [(place, _encoder(column, kind)) for place, column, kind in inputs if kind != "ignore"]
    for row in table.rows(Skipped(), half(tell, 1)):
        value = row[place_of_target]
        if missing(value):
            continue
        targets.append(np.float64(numbered[as_text(value)] if classes else number(value, table.comma)).tobytes())
        features.append(np.array([entry for place, encode in encoders for entry in encode(row[place])], np.float32))
    if wanted.missing:
        skipped.add(target, f"{wanted.missing:,} rows have no target; they are left out")
    labels: Any = targets.mapped().astype(np.int64 if classes else np.float32)
    about = {
        "columns": [column.about(kind) for _, column, kind in inputs],
        "target": target,
        "warnings": [*skipped.warnings(), *_doubts(wanted, task, reading.task), *_commas(columns)],
    }
    arrays = Arrays(features.mapped(), labels, classes, tuple(names))
    return Imported(arrays, skipped.listed(), about | table.about)


def _task(target: Column, wanted: Task | None) -> Task:
    """Texts are classes, numbers are not, unless it is said. Raises ImportFailed."""
    if target.missing == target.count:
        raise ImportFailed(f"the target {target.name!r} is missing in every row")
    if wanted == "regression" and target.not_a_number is not None:
        raise ImportFailed(
            f"a regression predicts numbers, and the target {target.name!r} holds {target.not_a_number!r}; leave "
            "task=regression out for a classification"
        )
    task: Task = wanted or ("regression" if target.numeric else "classification")
    if len(target.values) < 2:
        raise ImportFailed(
            f"the target {target.name!r} is {next(iter(target.values))!r} in every row: there is nothing to predict"
        )
    if task == "classification" and target.overflowing:
        raise ImportFailed(
            f"the target {target.name!r} has over {CLASSES:,} different values; a classification has at most as many"
        )
    return task


def _commas(columns: list[Column]) -> list[str]:
    return [
        f"the column {column.name!r} holds {column.doubtful!r}, which is read with a decimal comma; where it parts "
        "thousands, write the numbers without it"
        for column in columns
        if column.numeric and column.doubtful is not None
    ]


def _doubts(target: Column, task: Task, wanted: Task | None) -> list[str]:
    whole = not target.overflowing and all(value.lstrip("+-").isdigit() for value in target.values)
    if task == "regression" and wanted is None and whole and len(target.values) <= FEW:
        return [
            f"the target {target.name!r} has {len(target.values)} different whole numbers; if they are classes, "
            "import it with task=classification"
        ]
    return []


def _order(target: Column) -> Any:
    """Classes in the order of their numbers, where they are numbers."""
    return (lambda label: number(label, target.comma)) if target.numeric else (lambda label: label)


def _columns(column: Column, kind: Kind) -> list[str]:
    """The names of what it becomes."""
    match kind:
        case "number":
            return [column.name]
        case "category":
            return [f"{column.name}={value}" for value in sorted(column.values)]
        case _:
            return []


def _encoder(column: Column, kind: Kind) -> Any:
    """From a value of the column to its numbers."""
    if kind == "number":
        return lambda value: (np.nan if missing(value) else number(value, column.comma),)
    places = {value: place for place, value in enumerate(sorted(column.values))}
    none = (0.0,) * len(places)
    hot = {value: (*none[:place], 1.0, *none[place + 1 :]) for value, place in places.items()}
    return lambda value: none if missing(value) else hot[as_text(value)]


def plain(value: Any) -> Value:
    """A value of a typed table as one of a row."""
    return value if value is None or isinstance(value, str | float) else float(value)
