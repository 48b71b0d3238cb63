"""The header of a text table: whether the first line is one, and which column a target means."""

from collections.abc import Sequence
from itertools import pairwise

from app.datasets.errors import ImportFailed
from app.datasets.formats.dates import DateSurvey
from app.datasets.formats.numbers import Notation, is_number, missing, number

FIRST, LAST = "first", "last"  # a target by its place
SPACED = 3  # evenly spaced numbers that may be names: 0, 1, 2, … or years


def is_header(first: Sequence[str], below: Sequence[Sequence[str]], notation: Notation) -> bool:
    """True if the first line names the columns of the lines below, as far as one can tell.

    Columns of numbers or dates tell: their names are neither. Without such columns, a row repeats values of the others.
    """
    rows = [row for row in below if len(row) == len(first)]
    if not rows:
        return True
    columns = list(zip(*rows, strict=True))
    typed = [(cell, column) for cell, column in zip(first, columns, strict=True) if _is_typed(column, notation)]
    if typed:
        alike = [cell for cell, column in typed if not missing(cell)]
        are_typed = all(_is_typed([cell], notation) for cell in alike)
        return not alike or not are_typed or are_names(alike) or are_names(first)
    known = [(cell, column) for cell, column in zip(first, columns, strict=True) if not missing(cell)]
    repeated = sum(cell in column for cell, column in known)
    return 2 * repeated <= len(known)


def _is_typed(column: Sequence[str], notation: Notation) -> bool:
    """True if the known values are all numbers, or all dates."""
    known = [value for value in column if not missing(value)]
    if not known:
        return False
    if all(is_number(value, notation) for value in known):
        return True
    dates = DateSurvey()
    for value in known:
        dates.see(value)
    return dates.format is not None


def are_names(cells: Sequence[str]) -> bool:
    """True if numbers are names all the same: whole and evenly spaced, such as 0, 1, 2 or 1990, 2000, 2010."""
    if len(cells) < SPACED or not all(is_number(cell) for cell in cells):
        return False
    values = [number(cell) for cell in cells]
    steps = {after - before for before, after in pairwise(values)}
    return len(steps) == 1 and steps.pop() > 0 and all(value.is_integer() for value in values)


def completed(names: Sequence[str], below: Sequence[Sequence[str]]) -> list[str]:
    """The names of a first line that has one less than the rows have values, with an empty name for the other column.

    It is the last one if the rows end with a separator, or else the first, as `write.table` of R names no row names.
    """
    longer = [row for row in below if len(row) == len(names) + 1]
    return [*names, ""] if all(not row[-1].strip() for row in longer) else ["", *names]


def numbered_names(columns: int) -> list[str]:
    """Names for the columns of a table without a header."""
    return [f"column_{place}" for place in range(1, columns + 1)]


def target_name(target: str, names: Sequence[str]) -> str:
    """The name of the target column: the given name, or that of the column at the given place, counted from 1.

    Raises ImportFailed for a place that does not exist. A name goes before a place.
    """
    stripped = [name.strip() for name in names]
    if target in stripped or not names:
        return target
    if target in (FIRST, LAST):
        named = [name for name in stripped if name] or stripped  # rows that end with a separator have no last name
        return named[0 if target == FIRST else -1]
    if not (target.isascii() and target.isdecimal()):
        return target
    if not 1 <= int(target) <= len(names):
        raise ImportFailed("no_such_place", place=int(target), columns=len(names))
    return stripped[int(target) - 1]
