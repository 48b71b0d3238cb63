"""Instances of a JSON prediction: numbers in the network's input shape, or values by column name."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import from_json

from app.datasets.formats.columns import as_text
from app.datasets.formats.dates import DateFormat
from app.datasets.formats.numbers import Notation
from app.errors import Invalid, InvalidFields, Malformed, not_utf8
from app.messages import FieldError, Message
from app.suggestions import closest

MOST = 10_000
EXPLAINED = 20  # unknown columns of a row; the others are counted
KINDS = {bool: "a boolean", str: "a string", type(None): "null", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Column:
    """A column of a table. An instance gives it a number, one of the `categories`, or a date in the format `dates`."""

    name: str
    categories: tuple[str, ...] | None = None
    dates: DateFormat | None = None
    notation: Notation | None = None  # of its numbers in text

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> "Column":
        """The column that a dataset describes."""
        categories, dates = about.get("categories"), about.get("dates")
        return cls(
            about["name"],
            None if categories is None else tuple(categories),
            None if dates is None else DateFormat.from_json(dates),
            about.get("notation"),
        )


@dataclass(frozen=True)
class Columns:
    """Columns of a table: the inputs in their order, and the names of the target and of those that the import left out.

    A row may have the latter too, so that rows of the table can be sent as they are.
    """

    inputs: tuple[Column, ...]
    others: frozenset[str] = frozenset()


def instances(
    body: bytes, shape: tuple[int, ...], columns: Callable[[], Columns], may_miss: bool = False
) -> NDArray[np.float32]:
    """Parse `{"instances": […]}` to float32 (N, *shape). An instance is a list of numbers, flat or nested like `shape`.
    For a table it may be an object with a value for each input of `columns()`, which is called only then. With
    `may_miss`, null is allowed and becomes NaN.

    Raises Malformed, and Invalid with a pointer and the expected shape.
    """
    rows = _parsed(body)
    values = _only_numbers(body, rows, shape)
    return in_shape(rows, shape, columns, may_miss) if values is None else values


def _place(index: int) -> str:
    return f"/instances/{index}"


def in_shape(
    rows: list[Any],
    shape: tuple[int, ...],
    columns: Callable[[], Columns],
    may_miss: bool = False,
    place: Callable[[int], str] = _place,
) -> NDArray[np.float32]:
    """The values of parsed instances; `place` is the pointer to the one with an index. Raises Invalid; see
    `instances`."""
    named = columns() if len(shape) == 1 and any(isinstance(row, dict) for row in rows) else Columns(())
    values = np.empty((len(rows), *shape), np.float32)
    for index, row in enumerate(rows):
        pointer = place(index)
        if isinstance(row, dict) and named.inputs:
            flat = _by_name(row, named, pointer, may_miss)
        elif may_miss and isinstance(row, list) and None in row:
            flat = _in_order([math.nan if value is None else value for value in row], shape, pointer)
        else:
            flat = _in_order(row, shape, pointer)
        try:
            with np.errstate(over="ignore"):
                values[index] = np.asarray(flat, np.float32).reshape(shape)
        except OverflowError:  # an integer of hundreds of digits
            values[index] = np.inf
        sound = ~np.isinf(values[index]) if may_miss else np.isfinite(values[index])
        if not sound.all():
            raise _refusal("instance_not_finite", pointer)
    return values


def _parsed(body: bytes) -> list[Any]:
    """The instances of a document. Raises Malformed and Invalid."""
    try:
        document = from_json(body)  # twice as fast as `json`, which explains errors better
    except ValueError:
        document = _explained(body)
    if not isinstance(document, dict) or set(document) != {"instances"} or not isinstance(document["instances"], list):
        raise Invalid("instances_missing")
    rows: list[Any] = document["instances"]
    if not 1 <= len(rows) <= MOST:
        raise _refusal("instance_count", "/instances", count=len(rows), limit=MOST)
    return rows


def _explained(body: bytes) -> Any:
    try:
        return json.loads(body)
    except UnicodeDecodeError as error:
        raise not_utf8(error) from error
    except (ValueError, RecursionError) as error:
        raise Malformed("instances_not_json", reason=str(error)) from error


def _only_numbers(body: bytes, rows: list[Any], shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Values of instances that are flat lists of finite numbers; None for any others.

    A document without further texts, truth values, nulls and objects has nothing but lists and numbers.
    """
    if body.count(b'"') != 2 or body.count(b"{") != 1 or b"true" in body or b"false" in body:
        return None
    size = prod(shape)
    if not all(isinstance(row, list) and len(row) == size for row in rows):
        return None
    try:
        with np.errstate(over="ignore"):
            values = np.fromiter(chain.from_iterable(rows), np.float32, len(rows) * size)
    except (TypeError, ValueError, OverflowError):  # nested lists, or an integer of hundreds of digits
        return None
    return values.reshape(-1, *shape) if np.isfinite(values).all() else None


def _by_name(row: dict[str, Any], columns: Columns, pointer: str, may_miss: bool) -> list[float]:
    """The numbers of a row, in the order of the inputs. Raises Invalid with all that is wrong in the row."""
    wrong, further = wrong_names(row, columns, pointer)
    numbers: list[float] = []
    for column in columns.inputs:
        if column.name in row:
            try:
                numbers += _entries(row[column.name], column, pointer, may_miss)
            except InvalidFields as error:
                wrong += error.fields
    if wrong:
        raise InvalidFields(wrong, further)
    return numbers


def wrong_names(given: Collection[str], columns: Columns, pointer: str) -> tuple[list[FieldError], int]:
    """The errors of a row or header with these names, and the number of those that are left out."""
    names = [column.name for column in columns.inputs]
    known = columns.others.union(names)
    unknown = [name for name in given if name not in known]
    wrong = []
    for name in unknown[:EXPLAINED]:
        params = {"columns": names, "near": closest(name[:100], names)}
        wrong.append(FieldError(f"{pointer}/{name[:100]}", Message.of("no_such_instance_column", **params)))
    missing = [name for name in names if name not in given]
    if missing:
        message = Message.of("instance_columns_missing", missing=missing[:EXPLAINED], columns=names)
        wrong.append(FieldError(pointer, message))
    return wrong, len(unknown[EXPLAINED:])


def _entries(value: Any, column: Column, pointer: str, may_miss: bool) -> list[float]:
    """Numbers for a value: the number itself, the one-hot encoding of a category, or the parts of a date. Raises
    Invalid."""
    pointer = f"{pointer}/{column.name}"
    if column.dates is not None:
        return _parts(value, column.dates, pointer, may_miss)
    if column.categories is None:
        if value is None and may_miss:
            return [math.nan]
        if type(value) not in (int, float):
            raise _refusal("instance_value_not_number", pointer, kind=KINDS[type(value)])
        return [value]
    if type(value) in (int, float):
        value = as_text(value)
    if value is not None and value not in column.categories:
        quoted = repr(value)[:100] if isinstance(value, str) else KINDS[type(value)]
        raise _refusal("instance_value_not_category", pointer, value=quoted, categories=column.categories)
    return [float(value == category) for category in column.categories]


def _parts(value: Any, dates: DateFormat, pointer: str, may_miss: bool) -> list[float]:
    if value is None and may_miss:
        return [math.nan] * len(dates.parts)
    try:
        return list(dates.numbers(value if isinstance(value, str) else ""))
    except ValueError:
        quoted = repr(value)[:100] if isinstance(value, str) else KINDS.get(type(value), "a number")
        raise _refusal("instance_value_not_date", pointer, value=quoted, example=dates.example) from None


def _in_order(row: Any, shape: tuple[int, ...], pointer: str) -> list[float]:
    size = prod(shape)
    plane = shape[1:] if shape[0] == 1 else shape  # a gray picture may leave out its single channel
    wanted = {"size": size, "nested": list(plane) if len(shape) > 1 else None}
    depth, first = 0, row
    while isinstance(first, list):
        depth, first = depth + 1, first[0] if first else None
    forms = {len(form): form for form in (shape, plane, (size,)) if form}
    if depth not in forms:
        if depth == 0:
            raise _not_list(row, pointer, wanted)
        raise _refusal("instance_depth", pointer, depth=depth, **wanted)
    return _flat(row, forms[depth], pointer, wanted)


def _flat(row: Any, form: tuple[int, ...], pointer: str, wanted: dict[str, Any]) -> list[float]:
    if not isinstance(row, list):
        raise _not_list(row, pointer, wanted)
    if len(row) != form[0]:
        lengths = {"count": len(row), "what": "numbers" if len(form) == 1 else "rows", "wanted": form[0]}
        raise _refusal("instance_length", pointer, **lengths, **wanted)
    if len(form) > 1:
        places = enumerate(row)
        return [number for place, part in places for number in _flat(part, form[1:], f"{pointer}/{place}", wanted)]
    if not {int, float}.issuperset(map(type, row)):
        place = next(place for place, value in enumerate(row) if type(value) not in (int, float))
        kind = KINDS[type(row[place])]
        raise _refusal("instance_item_not_number", f"{pointer}/{place}", kind=kind, **wanted)
    return row


def _not_list(row: Any, pointer: str, wanted: dict[str, Any]) -> InvalidFields:
    return _refusal("instance_not_list", pointer, kind=KINDS.get(type(row), "a number"), **wanted)


def _refusal(code: str, pointer: str, **params: Any) -> InvalidFields:
    return InvalidFields([FieldError(pointer, Message.of(code, **params))])
