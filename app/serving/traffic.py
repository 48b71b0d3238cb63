"""Division of a model's requests among its runs."""

import random
from collections.abc import Mapping
from hashlib import sha256


def choose(shares: Mapping[str, float], point: float) -> str:
    """The run whose part of [0, 1) holds the point. The parts lie in the order of the shares, which sum to 1."""
    end = 0.0
    for run, share in shares.items():
        end += share
        if point < end:
            return run
    return run  # rounding: the shares sum to a little less than 1


def point_of(model: str, sticky: str | None) -> float:
    """A point in [0, 1): the same one for a model and a text at any time, and a random one without a text.

    A run whose share grows keeps its texts if those before it in the order keep their shares.
    """
    if sticky is None:
        return random.random()
    return int.from_bytes(sha256(f"{model}\0{sticky}".encode()).digest()[:8]) / 2**64
