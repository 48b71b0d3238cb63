"""Instances of a JSON prediction: numbers in the network's input shape, or values by column name."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.formats.columns import as_text
from app.errors import Invalid, InvalidFields, Malformed
from app.messages import FieldError, Message
from app.suggestions import closest

MOST = 10_000
KINDS = {bool: "a boolean", str: "a string", type(None): "null", list: "a list", dict: "an object"}


@dataclass(frozen=True)
class Column:
    """A column of a table. An instance gives it a number, or one of the `categories`."""

    name: str
    categories: tuple[str, ...] | None = None


def instances(
    body: bytes, shape: tuple[int, ...], columns: Callable[[], Sequence[Column]], may_miss: bool = False
) -> NDArray[np.float32]:
    """Parse `{"instances": […]}` to float32 (N, *shape). An instance is a list of numbers, flat or nested like `shape`.
    For a table it may be an object with a value for each of `columns()`, which is called only then. With `may_miss`,
    null is allowed and becomes NaN.

    Raises Malformed, and Invalid with a pointer and the expected shape.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed("instances_not_json", reason=str(error)) from error
    if not isinstance(document, dict) or set(document) != {"instances"} or not isinstance(document["instances"], list):
        raise Invalid("instances_missing")
    rows: list[Any] = document["instances"]
    if not 1 <= len(rows) <= MOST:
        raise _refusal("instance_count", "/instances", count=len(rows), limit=MOST)
    named = tuple(columns()) if len(shape) == 1 and any(isinstance(row, dict) for row in rows) else ()
    values = np.empty((len(rows), *shape), np.float32)
    for index, row in enumerate(rows):
        pointer = f"/instances/{index}"
        if isinstance(row, dict) and named:
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


def _by_name(row: dict[str, Any], columns: tuple[Column, ...], pointer: str, may_miss: bool) -> list[float]:
    names = [column.name for column in columns]
    for name in row:
        if name not in names:
            near = closest(name[:100], names)
            raise _refusal("no_such_instance_column", f"{pointer}/{name[:100]}", columns=names, near=near)
    missing = [name for name in names if name not in row]
    if missing:
        raise _refusal("instance_columns_missing", pointer, missing=missing, columns=names)
    return [value for column in columns for value in _entries(row[column.name], column, pointer, may_miss)]


def _entries(value: Any, column: Column, pointer: str, may_miss: bool) -> list[float]:
    """Numbers for a value: the number itself, or the one-hot encoding of a category."""
    pointer = f"{pointer}/{column.name}"
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
