"""Seeding of PyTorch's global generator, from which initial weights and dropout are drawn."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_lock = threading.Lock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Context in which the global generator starts from `seed`. One thread at a time; the state is restored."""
    with _lock, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
