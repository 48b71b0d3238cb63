"""Encoders of a table's columns: the numbers that the network gets for a value."""

from collections.abc import Callable, Iterable
from math import nan

from app.datasets.formats.columns import Column, as_text
from app.datasets.formats.numbers import Notation, Value, missing, number
from app.datasets.import_options import Kind

Encoder = Callable[[Value], Iterable[float]]


def encoded_names(column: Column, kind: Kind) -> list[str]:
    """Names of the dataset's columns that a column becomes."""
    match kind:
        case "number":
            return [column.name]
        case "category":
            return [f"{column.name}={value}" for value in sorted(column.values)]
        case "date":
            assert column.date_format is not None
            return [f"{column.name}: {part}" for part in column.date_format.parts]
        case "ignore":
            return []


def _number_or_nan(value: Value, notation: Notation) -> float:
    """The number, or NaN for a missing value: the survey has found nothing else in the column."""
    try:
        return number(value, notation)
    except ValueError:
        return nan


def encoder(column: Column, kind: Kind) -> Encoder:
    """Function that turns a value of the column into its numbers; NaN is a missing number."""
    match kind:
        case "number":
            return lambda value: (_number_or_nan(value, column.notation),)
        case "date":
            dates = column.date_format
            assert dates is not None
            unknown = (nan,) * len(dates.parts)
            return lambda value: unknown if missing(value) else dates.numbers(str(value))
        case "category":
            places = {value: place for place, value in enumerate(sorted(column.values))}
            none = (0.0,) * len(places)
            hot = {value: (*none[:place], 1.0, *none[place + 1 :]) for value, place in places.items()}
            return lambda value: none if missing(value) else hot[as_text(value)]
        case "ignore":
            return lambda _: ()
