"""Output of the client commands. Control characters in names could command the terminal, so all of them are escaped."""

from collections.abc import Iterable, Sequence

import typer

from app.datasets.names import printable


def say(text: str, *, err: bool = False) -> None:
    """Print lines to stdout, or to stderr."""
    typer.echo("\n".join(printable(line) for line in text.split("\n")), err=err)


def print_table(headers: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Print rows under their headers, wider than any terminal: a truncated id is useless."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headers, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(printable(cell or "") for cell in row))
    Console(width=10_000, markup=False, emoji=False, highlight=False).print(table)
