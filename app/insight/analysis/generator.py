"""PyTorch's global generator, lent to one who asks: weights and dropout are drawn from it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lent = threading.Lock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeded like this for whoever is within, one at a time; nobody else's numbers are disturbed."""
    with _lent, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
