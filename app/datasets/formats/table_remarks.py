"""Remarks about the columns of a table, from its survey."""

import re
from collections.abc import Iterator, Sequence

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.formats.columns import CATEGORIES, ROWS_OF_INDEX, Column, Target, as_text
from app.datasets.formats.numbers import number
from app.datasets.formats.regression_targets import doubts_of_numbers
from app.datasets.import_options import Kind, Task
from app.datasets.names import first
from app.messages import Message

WHITE = 255
SHOWN = 5  # different texts among numbers
# `id`, `row`, `no.`, `customer_id`, `Sample ID`, `PassengerId`
IDENTIFIER = re.compile(r"(?i:(.*[ _.-])?u?id|index|idx|row|record|no|nr|key|#|№)\.?|.*[a-z]I[dD]")
SQUARE = 49  # pixels of the smallest picture that is proposed
Input = tuple[Column, Kind]


def of_inputs(inputs: Sequence[Input], typed: frozenset[str]) -> Iterator[Message]:
    """Remarks about the inputs; `typed` are those whose type was given."""
    for column, kind in inputs:
        if column.name not in typed:
            yield from _of_words(column, kind)
            yield from _of_input(column, kind)
    yield from _pixels([column for column, kind in inputs if kind == "number"])


def of_identifiers(inputs: Sequence[Input], typed: frozenset[str], arrays: Arrays) -> Iterator[Message]:
    """Remarks about inputs that are called like an identifier and differ in all rows."""
    places = {name: place for place, name in enumerate(arrays.feature_names)}
    rows = len(arrays.inputs)
    for column, kind in inputs:
        is_new = column.name not in typed and not column.numbers_rows and not column.counts_rows
        if is_new and kind == "number" and column.whole and IDENTIFIER.fullmatch(column.name) and rows >= ROWS_OF_INDEX:
            values = arrays.inputs[:, places[column.name]]
            if len(np.unique(values)) == rows:
                yield Message.of("maybe_identifier", column=column.name, rows=rows)


def _of_words(column: Column, kind: Kind) -> Iterator[Message]:
    if column.word is not None and kind != "ignore":
        yield Message.of(
            "words_read_as_missing", column=column.name, count=column.words, value=column.word, place=column.word_place
        )


def _of_input(column: Column, kind: Kind) -> Iterator[Message]:
    if column.counts_rows and column.may_be_years:
        yield Message.of(
            "maybe_row_index", column=column.name, least=as_text(column.least), greatest=as_text(column.greatest)
        )
    if column.numbers_rows:
        if kind == "number":
            yield Message.of("row_index_is_input", column=column.name)
        else:
            yield Message.of("row_index_left_out", column=column.name)
        return
    if column.nearly_numeric:
        yield nearly_all_numbers(column)
    elif kind == "date" and column.date_format is not None:
        parts, example = column.date_format.parts, column.dates.example
        yield Message.of("dates_become_numbers", column=column.name, value=example, parts=parts)
        if column.dates.is_guessed:
            yield Message.of("date_order_guessed", column=column.name, value=example, order=column.date_format.order)
    elif column.nearly_all_dates is not None:
        dates, value, place = column.nearly_all_dates
        yield Message.of(
            "nearly_all_dates",
            column=column.name, dates=dates, value=value, place=place, example=column.dates.example,
        )  # fmt: skip
    elif column.parted is not None:
        yield Message.of("maybe_numbers", column=column.name, value=column.parted)
    elif kind == "ignore" and column.unread is None and column.reason is not None and column.mostly_numeric:
        yield _texts_among_numbers(column)
    elif kind == "ignore" and column.overflowing:
        yield Message.of("too_many_texts", column=column.name, limit=CATEGORIES)
    elif kind == "ignore" and column.unread is None and column.mostly_unique:
        yield Message.of("mostly_unique", column=column.name, different=len(column.values), values=column.known)


def nearly_all_numbers(column: Column) -> Message:
    return Message.of(
        "nearly_all_numbers",
        column=column.name,
        numbers=column.known - column.strange,
        value=column.not_a_number,
        place=column.strange_place,
    )


def _texts_among_numbers(column: Column) -> Message:
    numbers = column.known - column.strange
    return Message.of(
        "texts_among_numbers", column=column.name, numbers=numbers, texts=column.strange, **first(column.texts, SHOWN)
    )


def of_signs(columns: Sequence[Column]) -> Iterator[Message]:
    """Remarks about commas and points that may separate thousands or decimals."""
    for column in columns:
        if not column.numeric:
            continue
        if column.notation == "grouped" and column.grouped is not None:
            read = f"{number(column.grouped, 'grouped'):,}"
            yield Message.of("points_separate_thousands", column=column.name, value=column.grouped, number=read)
        elif column.notation == "comma" and column.grouped is not None and not column.has_point:
            yield Message.of("decimal_point", column=column.name, value=column.grouped)
        if column.thousands is not None:
            yield Message.of("decimal_comma", column=column.name, value=column.thousands)


def of_target(target: Target, task: Task, wanted: Task | None) -> Iterator[Message]:
    """Remarks about the target; `wanted` is the task that was asked for."""
    if target.missing:
        yield Message.of(
            "rows_without_target", target=target.name, count=target.missing, value=target.word, place=target.word_place
        )
    if task == "regression":
        values = np.array([float(name) for name in target.numbers])
        yield from doubts_of_numbers(target.name, values, target.known, wanted is not None)
        return
    if wanted is None and target.numeric and not target.boolean:
        yield Message.of(
            "numbers_read_as_classes", target=target.name, values=len(target.numbers), least=as_text(target.least)
        )
    alone = sum(count == 1 for count in target.values.values())
    if target.nearly_numeric:
        yield nearly_all_numbers(target)
    elif target.mostly_numeric and 2 * alone > len(target.values):
        yield _texts_among_numbers(target)
    elif not target.numeric and 2 * alone > len(target.values):
        yield Message.of("rare_classes", target=target.name, classes=len(target.values), alone=alone)
    elif target.parted is not None:
        yield Message.of("maybe_numbers", column=target.name, value=target.parted)


def _pixels(columns: Sequence[Column]) -> Iterator[Message]:
    side = round(len(columns) ** 0.5)
    if side**2 == len(columns) >= SQUARE and all(_is_pixel(column) for column in columns):
        yield Message.of("maybe_pictures", columns=len(columns), side=side)


def _is_pixel(column: Column) -> bool:
    return column.whole and not column.missing and column.least >= 0 and column.greatest <= WHITE
