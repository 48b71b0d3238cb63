"""Tables (CSV, Parquet), read in two passes: one to infer the column types, one to write the numbers."""

import datetime
from typing import Any

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import Column, Target
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.encoding import encoded_names, encoder
from app.datasets.formats.header import target_name
from app.datasets.formats.numbers import Value, missing, number
from app.datasets.formats.pixel_tables import check_pixels, darkness
from app.datasets.formats.regression_targets import numbers_classes, same_as_float32
from app.datasets.formats.survey import LISTED, Table, check_types, listed, refuse_too_many, surveyed
from app.datasets.formats.table_remarks import Input, of_identifiers, of_inputs, of_signs, of_target
from app.datasets.import_options import CLASSES, MANY, Imported, ImportOptions, Scratch, Skipped, Task, Tell, half
from app.messages import Message

OPTIONS = ("target", "task", "types", "shape")  # the fields of `ImportOptions` that apply to a table
CONSIDERABLE = 0.05  # share of the rows; if as many are left out, a warning says so


def read_table(table: Table, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read a table as a dataset. A missing number is NaN; a category becomes a column of zeros and ones for each value.

    With `shape`, the columns are pixels and the rows pictures. A row without a target is skipped. Raises ImportFailed.
    """
    if reading.target is None:
        raise ImportFailed("target_not_named", **listed(table.names))
    target = target_name(reading.target, table.names)
    skipped = Skipped("row")
    columns = surveyed(table, target, skipped, half(tell, 0))
    check_types(reading.types, columns, target)
    wanted = next(column for column in columns if isinstance(column, Target))
    _refuse_nothing(wanted, skipped)
    task = _task(wanted, reading)
    inputs = _inputs([column for column in columns if column is not wanted], reading)
    taken: list[Input] = [(column, kind) for column, kind in inputs if kind != "ignore"]
    if not taken:
        raise _no_inputs([column for column, _ in inputs], reading)
    if reading.shape is not None:
        check_pixels([column for column, _ in taken], reading.shape)
    names = [] if reading.shape else [name for column, kind in taken for name in encoded_names(column, kind)]
    refuse_too_many(wanted.count, len(names))  # each category has become several columns
    classes = tuple(wanted.labels) if task == "classification" else ()
    rows, targets, without_category = _written(table, columns, taken, wanted, classes, reading, scratch, half(tell, 1))
    left_out = _left_out(wanted, skipped)
    if wanted.missing:
        have = (
            "1 row has no target; it is" if wanted.missing == 1 else f"{wanted.missing:,} rows have no target; they are"
        )
        skipped.add(target, f"{have} left out")
    labels: Any = targets.mapped().astype(np.int64 if classes else np.float32)
    about = {
        "columns": [] if reading.shape else [column.about(kind) for column, kind in inputs],
        "missing_categories": without_category,
        "target": target,
        "skipped_count": skipped.count,
    }
    arrays = Arrays(rows.mapped(), labels, classes, tuple(names))
    typed = frozenset(reading.types)
    remarks = [
        *left_out,
        *table.warnings,
        *of_target(wanted, task, reading.task),
        *of_signs(columns),
        *(of_inputs(inputs, typed) if reading.shape is None else darkness(arrays.inputs)),
        *(of_identifiers(inputs, typed, arrays) if reading.shape is None else ()),
    ]
    return Imported(arrays, skipped.listed(), about | table.about, remarks)


def _inputs(columns: list[Column], reading: ImportOptions) -> list[Input]:
    """The inputs with their types. A column that numbers the rows is taken only if there is no other one."""
    kinds = [column.kind(reading.types.get(column.name)) for column in columns]
    if all(kind == "ignore" for kind in kinds):
        kinds = [
            "number" if column.numbers_rows and column.name not in reading.types else kind
            for column, kind in zip(columns, kinds, strict=True)
        ]
    return list(zip(columns, kinds, strict=True))


def _written(
    table: Table, columns: list[Column], inputs: list[Input], target: Target, classes: tuple[str, ...],
    reading: ImportOptions, scratch: Scratch, tell: Tell,
) -> tuple[DiskArray, DiskArray, int]:  # fmt: skip
    """The second pass: inputs and targets on disk, and the number of missing categories."""
    places = {column.name: place for place, column in enumerate(columns)}
    encoders = [(places[column.name], encoder(column, kind)) for column, kind in inputs]
    categories, without_category = [places[column.name] for column, kind in inputs if kind == "category"], 0
    width = sum(len(encoded_names(column, kind)) for column, kind in inputs)
    shape, dtype = (reading.shape, np.uint8) if reading.shape else ((width,), np.float32)
    rows, targets = DiskArray(scratch(), shape, dtype), DiskArray(scratch(), (), np.float64)
    numbered = {label: float(index) for index, label in enumerate(classes)}
    place = places[target.name]
    for row in table.rows(Skipped(), tell):
        value = row[place]
        if missing(value):
            continue
        targets.append(
            np.float64(numbered[target.label(value)] if classes else number(value, target.notation)).tobytes()
        )
        without_category += sum(missing(row[place]) for place in categories)
        rows.append(np.array([entry for place, encode in encoders for entry in encode(row[place])], dtype))
    return rows, targets, without_category


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


def _task(target: Target, reading: ImportOptions) -> Task:
    """Task of a target: the given one, or else classification for texts, booleans and numbered classes, and for
    pictures. Raises ImportFailed."""
    wanted = reading.task
    if wanted == "regression" and reading.shape is not None:
        raise ImportFailed("pictures_have_classes")
    if wanted == "regression" and target.not_a_number is not None:
        raise ImportFailed(
            "target_not_numeric", target=target.name, value=target.not_a_number, place=target.strange_place
        )
    is_amount = target.numeric and not target.boolean and reading.shape is None
    task: Task = wanted or ("regression" if is_amount and not numbers_classes(target) else "classification")
    labels = target.labels
    if len(labels) < 2:
        raise ImportFailed("target_constant", target=target.name, value=next(iter(labels)))
    if task == "regression" and np.float32(target.least) == np.float32(target.greatest):
        raise same_as_float32(target.name, target.least, target.greatest)
    if task == "classification" and len(labels) > CLASSES:
        value = target.not_a_number if target.parted or target.mostly_numeric else None
        raise ImportFailed(
            "target_has_too_many_classes", target=target.name, limit=CLASSES, value=value, place=target.strange_place
        )
    return task


def _no_inputs(inputs: list[Column], reading: ImportOptions) -> ImportFailed:
    """Refusal of a table in which no column can be an input."""
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


def plain(value: Any) -> Value:
    """Convert a value of a typed table to a value of a row. A date becomes its text."""
    if isinstance(value, datetime.date):  # a datetime is one
        return value.isoformat()
    return value if value is None or isinstance(value, str | float | bool) else float(value)
