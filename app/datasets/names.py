"""Names that strangers gave: of files, classes and columns."""

from collections.abc import Sequence
from typing import Any


def printable(name: str) -> str:
    """The name as it can be shown and stored: what cannot be printed, or is half a character, as Python writes it."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def printable_json(value: Any) -> Any:
    """JSON whose texts can be shown and stored."""
    match value:
        case str():
            return printable(value)
        case list():
            return [printable_json(item) for item in value]
        case dict():
            return {name: printable_json(item) for name, item in value.items()}
    return value


def first(names: Sequence[str], most: int = 5) -> dict[str, Any]:
    """The first of the names, and how many more there are, as parameters of a message."""
    return {"names": list(names[:most]), "more": max(0, len(names) - most)}


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of the names, for a sentence."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
