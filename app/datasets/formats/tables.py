"""Tables (CSV, Parquet), read in two passes: one to infer the column types, one to write the numbers."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import (
    LISTED,
    Column,
    Row,
    Target,
    Value,
    as_text,
    check_types,
    doubts_of_numbers,
    listed,
    missing,
    number,
    refuse_too_many,
    same_as_float32,
    surveyed,
)
from app.datasets.formats.disk_array import DiskArray
from app.datasets.import_options import CLASSES, MANY, Imported, ImportOptions, Kind, Scratch, Skipped, Task, Tell, half
from app.messages import Message

OPTIONS = ("target", "task", "types")  # the fields of `ImportOptions` that apply to a table
CONSIDERABLE = 0.05  # share of the rows; if as many are left out, a warning says so


class Table(Protocol):
    """Rows of a table, as a format delivers them.

    comma: numbers may have a decimal comma. unread: types of the columns that are neither numbers nor text, by name.
    warnings: complete after all rows have been read.
    """

    names: list[str]
    comma: bool
    unread: dict[str, str]
    about: dict[str, Any]

    @property
    def warnings(self) -> list[Message]: ...

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]: ...


def read_table(table: Table, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read a table as a dataset. A missing number is NaN; a category becomes a column of zeros and ones for each value.

    A row without a target is skipped. Raises ImportFailed.
    """
    target = reading.target
    if target is None:
        raise ImportFailed("target_not_named", **listed(table.names))
    skipped = Skipped("row")
    columns = surveyed(table.names, table.rows(skipped, half(tell, 0)), target, table.comma, CLASSES)
    for column, name in zip(columns, table.names, strict=True):
        column.unread = table.unread.get(name)
    check_types(reading.types, columns, target)
    wanted = next(column for column in columns if isinstance(column, Target))
    _refuse_nothing(wanted, skipped)
    task = _task(wanted, reading.task)
    inputs = [(place, column, column.kind(reading.types.get(column.name)))
              for place, column in enumerate(columns) if column is not wanted]  # fmt: skip
    names = [name for _, column, kind in inputs for name in _columns(column, kind)]
    if not names:
        raise _no_inputs(columns, reading)
    refuse_too_many(wanted.count, len(names))  # each category has become several columns
    classes = tuple(wanted.labels) if task == "classification" else ()
    features, targets = DiskArray(scratch(), (len(names),), np.float32), DiskArray(scratch(), (), np.float64)
    numbered = {label: float(index) for index, label in enumerate(classes)}
    place_of_target = columns.index(wanted)
    of_categories, without_category = [place for place, _, kind in inputs if kind == "category"], 0
    encoders = [(place, _encoder(column, kind)) for place, column, kind in inputs if kind != "ignore"]
    for row in table.rows(Skipped(), half(tell, 1)):
        value = row[place_of_target]
        if missing(value):
            continue
        targets.append(np.float64(numbered[wanted.label(value)] if classes else number(value, table.comma)).tobytes())
        without_category += sum(missing(row[place]) for place in of_categories)
        features.append(np.array([entry for place, encode in encoders for entry in encode(row[place])], np.float32))
    left_out = _left_out(wanted, skipped)
    if wanted.missing:
        have = (
            "1 row has no target; it is" if wanted.missing == 1 else f"{wanted.missing:,} rows have no target; they are"
        )
        skipped.add(target, f"{have} left out")
    labels: Any = targets.mapped().astype(np.int64 if classes else np.float32)
    about = {
        "columns": [column.about(kind) for _, column, kind in inputs],
        "missing_categories": without_category,
        "target": target,
        "skipped_count": skipped.count,
    }
    warnings = [
        *left_out,
        *table.warnings,
        *_doubts(wanted, task, reading.task),
        *_commas(columns),
        *_signs(column for _, column, kind in inputs if kind != "number" and column.name not in reading.types),
    ]
    arrays = Arrays(features.mapped(), labels, classes, tuple(names))
    return Imported(arrays, skipped.listed(), about | table.about, warnings)


def _refuse_nothing(target: Target, skipped: Skipped) -> None:
    """Raise ImportFailed if no row has a target."""
    if target.count == 0 and skipped.count:
        raise ImportFailed("no_row_read", rows=skipped.count, several=skipped.count > 1, **skipped.first[0])
    if target.count == 0:
        raise ImportFailed("table_without_rows")
    if target.unread is not None:
        raise ImportFailed("target_not_read", target=target.name, holds=target.unread)
    if target.missing == target.count:
        raise ImportFailed("target_missing", target=target.name, **skipped.example())


def _task(target: Target, wanted: Task | None) -> Task:
    """Task of a target: `wanted`, or else classification for texts and booleans. Raises ImportFailed."""
    if wanted == "regression" and target.not_a_number is not None:
        raise ImportFailed("target_not_numeric", target=target.name, value=target.not_a_number)
    task: Task = wanted or ("regression" if target.numeric and not target.boolean else "classification")
    labels = target.labels
    if len(labels) < 2:
        raise ImportFailed("target_constant", target=target.name, value=next(iter(labels)))
    if task == "regression" and np.float32(target.least) == np.float32(target.greatest):
        raise same_as_float32(target.name, target.least, target.greatest)
    if task == "classification" and len(labels) > CLASSES:
        value = target.not_a_number if target.parted else None
        raise ImportFailed("target_has_too_many_classes", target=target.name, limit=CLASSES, value=value)
    return task


def _no_inputs(columns: list[Column], reading: ImportOptions) -> ImportFailed:
    """Refusal of a table in which no column can be an input."""
    inputs = [column for column in columns if column.name != reading.target]
    if all(reading.types.get(column.name) == "ignore" for column in inputs):
        return ImportFailed("all_inputs_ignored")
    reasons = [
        Message.of("column_unusable", column=column.name, reason=column.reason)
        if column.reason
        else Message.of("column_ignored", column=column.name)
        for column in inputs[:LISTED]
    ]
    return ImportFailed("no_inputs_left", reasons=reasons, more=max(0, len(inputs) - LISTED))


def _left_out(target: Target, skipped: Skipped) -> list[Message]:
    """A warning if a considerable share of the rows is left out."""
    left_out, rows = skipped.count + target.missing, skipped.count + target.count
    if skipped.count < MANY and left_out < CONSIDERABLE * rows:
        return []
    return [Message.of("rows_left_out", count=left_out, rows=rows)]


def _doubts(target: Target, task: Task, wanted: Task | None) -> list[Message]:
    if task == "regression":
        values = np.array([float(name) for name in target.numbers])
        return doubts_of_numbers(target.name, values, wanted is not None)
    alone = sum(count == 1 for count in target.values.values())
    if not target.numeric and 2 * alone > len(target.values):
        return [Message.of("rare_classes", target=target.name, classes=len(target.values), alone=alone)]
    return list(_signs([target]))


def _signs(columns: Iterable[Column]) -> list[Message]:
    return [
        Message.of("maybe_numbers", column=column.name, value=column.parted)
        for column in columns
        if column.parted is not None
    ]


def _commas(columns: list[Column]) -> list[Message]:
    return [
        Message.of("decimal_comma", column=column.name, value=column.doubtful)
        for column in columns
        if column.numeric and column.doubtful is not None
    ]


def _columns(column: Column, kind: Kind) -> list[str]:
    """Names of the dataset's columns that a column becomes."""
    match kind:
        case "number":
            return [column.name]
        case "category":
            return [f"{column.name}={value}" for value in sorted(column.values)]
        case _:
            return []


def _encoder(column: Column, kind: Kind) -> Any:
    """Function that turns a value of the column into its numbers."""
    if kind == "number":
        return lambda value: (np.nan if missing(value) else number(value, column.comma),)
    places = {value: place for place, value in enumerate(sorted(column.values))}
    none = (0.0,) * len(places)
    hot = {value: (*none[:place], 1.0, *none[place + 1 :]) for value, place in places.items()}
    return lambda value: none if missing(value) else hot[as_text(value)]


def plain(value: Any) -> Value:
    """Convert a value of a typed table to a value of a row."""
    return value if value is None or isinstance(value, str | float | bool) else float(value)
