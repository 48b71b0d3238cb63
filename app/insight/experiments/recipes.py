"""Data and networks of trials, as parts of a request."""

from typing import Any

Layers = list[dict[str, Any]]

DIGITS = {"dataset": "digits", "normalise": "unit", "batch_size": 32}
TABLE = {"dataset": "diabetes", "batch_size": "full"}


def hidden(units: int, activation: str | None, times: int = 1, **fields: Any) -> Layers:
    """A linear layer and its activation (None for none), repeated `times`."""
    one: Layers = [{"type": "linear", "units": units} | fields]
    return (one + ([{"type": activation}] if activation else [])) * times


def network(*layers: Layers) -> dict[str, Any]:
    """The request's `model`; the output layer follows from the data."""
    return {"model": {"layers": [layer for part in layers for layer in part]}}
