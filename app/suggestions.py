"""Suggestions for a misspelt name: "did you mean …?"."""

import difflib
from collections.abc import Iterable

LONGEST = 100  # letters of a name that are compared


def closest(given: str, choices: Iterable[str]) -> str | None:
    """The most similar choice, ignoring case; None if none is similar enough."""
    given = given[:LONGEST]
    by_lower_case = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(given.lower(), by_lower_case, 1, 0.5)
    return by_lower_case[matches[0]] if matches else None


def nearest(given: str, choices: Iterable[str]) -> str:
    """The clause "; did you mean 'x'?" for the end of an error message, or an empty string."""
    match = closest(given, choices)
    return f"; did you mean {match!r}?" if match else ""
