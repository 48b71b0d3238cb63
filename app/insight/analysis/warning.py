"""A warning about a network or a run before it trains."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Warning:
    """A warning. `pointer` is the JSON pointer to the request's field; `fix` is one change to try."""

    code: str
    pointer: str
    detail: str
    fix: str
