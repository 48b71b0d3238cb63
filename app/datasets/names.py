"""Names of files, classes and columns in uploads, made safe to show and store."""

from collections.abc import Sequence
from typing import Any


def printable(name: str) -> str:
    """Make a name safe to show and store: unprintable characters and lone surrogates become Python escapes."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def printable_json(value: Any) -> Any:
    """JSON with all texts made `printable`."""
    match value:
        case str():
            return printable(value)
        case list():
            return [printable_json(item) for item in value]
        case dict():
            return {name: printable_json(item) for name, item in value.items()}
    return value


def first(names: Sequence[str], most: int = 5) -> dict[str, Any]:
    """Parameters of a message: the first names, and the number of further ones."""
    return {"names": list(names[:most]), "more": max(0, len(names) - most)}


def some(names: Sequence[str], most: int = 5) -> str:
    """The first names, joined for a sentence."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
