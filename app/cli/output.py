"""Output of the client commands. Control characters in names could command the terminal, so all of them are escaped."""

import json
import shutil
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich.cells import cell_len

from app.datasets.names import printable

ANY_WIDTH = 10_000  # columns of a pipe or a file, which cuts nothing off


def say(text: str, *, err: bool = False) -> None:
    """Print lines to stdout, or to stderr."""
    typer.echo("\n".join(printable(line) for line in text.split("\n")), err=err)


def say_json(value: Any) -> None:
    """Print one JSON document."""
    say(json.dumps(value))


def megabytes(bytes: int | None) -> str:
    """A size in MB; empty if it is not known."""
    return "" if bytes is None else f"{bytes / 1e6:,.1f} MB"


def width() -> int:
    """Columns of the terminal on stdout, or as COLUMNS says."""
    return shutil.get_terminal_size((ANY_WIDTH, 0)).columns


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Print rows under their headers, and cut nothing off: a truncated id is useless.

    If the table is wider than the terminal, each row is a line with its first cell, and its other cells below.
    """
    cells = [[printable(cell or "") for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(headers, *cells, strict=True)]
    if sum(widths) + 2 * len(widths) - 2 <= width():
        for line in ([*headers], *cells):
            padded = (cell + " " * (most - cell_len(cell)) for cell, most in zip(line, widths, strict=True))
            typer.echo("  ".join(padded).rstrip())
        return
    for first, *others in cells:
        typer.echo(first)
        say_items([f"{name} {cell}" for name, cell in zip(headers[1:], others, strict=True) if cell])


def say_items(items: Iterable[str]) -> None:
    """Print items, as many in an indented line as the terminal is wide. An item is never broken."""
    lines: list[str] = []
    for item in map(printable, items):
        if lines and cell_len(lines[-1]) + 2 + cell_len(item) <= width():
            lines[-1] += f"  {item}"
        else:
            lines.append(f"  {item}")
    for line in lines:
        typer.echo(line)
