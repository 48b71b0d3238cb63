"""Conversion of values for JSON, which has no NaN and no infinity."""

import math
from typing import Any, Literal, get_args

NotFinite = Literal["NaN", "Infinity", "-Infinity"]
Number = float | NotFinite
NOT_FINITE: tuple[str, ...] = get_args(NotFinite)


def number(value: float) -> Number:
    """The value, with NaN and ±∞ as strings: JSON has no numbers for them, and Postgres refuses them."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def jsonable(value: Any) -> Any:
    """The value, with `number` applied to every float in its dicts and lists."""
    match value:
        case float():
            return number(value)
        case dict():
            return {key: jsonable(item) for key, item in value.items()}
        case list():
            return [jsonable(item) for item in value]
    return value
