"""What is said of a network or a run before it trains. It never blocks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Warning:
    """`pointer` leads to the field of the request; `fix` is one change to try."""

    code: str
    pointer: str
    detail: str
    fix: str
