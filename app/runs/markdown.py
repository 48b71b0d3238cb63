"""Markdown in which texts of strangers stay texts: no name ends a table, begins a heading or becomes a link."""

import re
from collections.abc import Iterable, Sequence

from app.datasets.names import printable

SPECIAL = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|&~:@$^=\"']")  # a backslash before punctuation is CommonMark everywhere


def escaped(text: str) -> str:
    """One line of text, to stand anywhere in a paragraph, a heading or a cell."""
    return SPECIAL.sub(r"\\\g<0>", printable(text)).strip()


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a table. Headers and cells are Markdown already."""
    return [_row(headers), _row(["---"] * len(headers)), *map(_row, rows), ""]


def fenced(lines: Sequence[str], language: str) -> list[str]:
    """Lines of a block of code, between fences that are longer than any in the code."""
    longest = max((len(ticks) for line in lines for ticks in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *map(printable, lines), fence, ""]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
