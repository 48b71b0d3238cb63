"""Names that strangers gave: of files, classes and columns."""

from collections.abc import Sequence


def printable(name: str) -> str:
    """The name as it can be shown and stored: what cannot be printed, or is half a character, as Python writes it."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def some(names: Sequence[str], most: int = 5) -> str:
    """The first of the names, for a sentence."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")
