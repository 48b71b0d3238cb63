"""The instances of a JSON prediction: numbers, in the shape that the network takes or by the names of its columns."""

import json
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from app.api.problems import nearest
from app.errors import FieldError, Invalid, Malformed

MOST = 10_000
KINDS = {bool: "a boolean", str: "a string", type(None): "null", list: "a list", dict: "an object"}


def instances(body: bytes, shape: tuple[int, ...], columns: Callable[[], Sequence[str]]) -> NDArray[np.float32]:
    """`{"instances": […]}` as float32 (N, *shape). An instance is a list of numbers, flat or nested as `shape`; or, for
    a table, an object with a number for each of `columns()`, which is asked only then.

    Raises Malformed, and Invalid with a pointer and the shape that is wanted.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict) or set(found) != {"instances"} or not isinstance(found["instances"], list):
        raise Invalid('the body is {"instances": [[…], …]}')
    rows: list[Any] = found["instances"]
    if not 1 <= len(rows) <= MOST:
        _refuse("/instances", f"there are {len(rows):,}", f"1 to {MOST:,} instances")
    names = tuple(columns()) if len(shape) == 1 and any(isinstance(row, dict) for row in rows) else ()
    values = np.empty((len(rows), *shape), np.float32)
    for index, row in enumerate(rows):
        pointer = f"/instances/{index}"
        flat = _by_name(row, names, pointer) if isinstance(row, dict) and names else _in_order(row, shape, pointer)
        try:
            with np.errstate(over="ignore"):
                values[index] = np.asarray(flat, np.float32).reshape(shape)
        except OverflowError:  # an integer of hundreds of digits
            values[index] = np.inf
        if not np.isfinite(values[index]).all():
            _refuse(pointer, "holds NaN, ∞ or a number beyond float32", "finite numbers")
    return values


def _by_name(row: dict[str, Any], names: tuple[str, ...], pointer: str) -> list[float]:
    for name in row:
        if name not in names:
            near = nearest(name[:100], list(names))
            _refuse(f"{pointer}/{name[:100]}", "no column is called so", f"{_all(names)}{near}")
    missing = [name for name in names if name not in row]
    if missing:
        _refuse(pointer, f"lacks {', '.join(missing)}", _all(names))
    for name, value in row.items():
        if type(value) not in (int, float):
            _refuse(f"{pointer}/{name}", f"is {KINDS[type(value)]}", "a number")
    return [row[name] for name in names]


def _in_order(row: Any, shape: tuple[int, ...], pointer: str) -> list[float]:
    size = prod(shape)
    plane = shape[1:] if shape[0] == 1 else shape  # a gray picture may leave its one channel out
    wanted = f"{size} numbers in a list" + (f", flat or nested as {list(plane)}" if len(shape) > 1 else "")
    depth, first = 0, row
    while isinstance(first, list):
        depth, first = depth + 1, first[0] if first else None
    forms = {len(form): form for form in (shape, plane, (size,)) if form}
    if depth not in forms:
        _refuse(pointer, f"is {KINDS.get(type(row), 'a number')}" if depth == 0 else f"is nested {depth} deep", wanted)
    return _flat(row, forms[depth], pointer, wanted)


def _flat(row: Any, form: tuple[int, ...], pointer: str, wanted: str) -> list[float]:
    if not isinstance(row, list):
        _refuse(pointer, f"is {KINDS.get(type(row), 'a number')}", wanted)
    if len(row) != form[0]:
        _refuse(pointer, f"has {len(row)} {'numbers' if len(form) == 1 else 'rows'}, not {form[0]}", wanted)
    if len(form) > 1:
        places = enumerate(row)
        return [number for place, part in places for number in _flat(part, form[1:], f"{pointer}/{place}", wanted)]
    if not {int, float}.issuperset(map(type, row)):
        place = next(place for place, value in enumerate(row) if type(value) not in (int, float))
        _refuse(f"{pointer}/{place}", f"is {KINDS[type(row[place])]}, not a number", wanted)
    return row


def _all(names: tuple[str, ...]) -> str:
    return f"a number for each of {', '.join(names)}"


def _refuse(pointer: str, said: str, wanted: str) -> NoReturn:
    detail = f"{said}; give {wanted}"
    raise Invalid(f"{pointer}: {detail}", [FieldError(pointer, detail)])
