"""Cache of trained networks: an LRU cache with a limit on number and size."""

import asyncio
from collections import OrderedDict

import torch

from app.learning.serialization import Trained, from_safetensors
from app.storage.files import Files

KEPT = 32
KEPT_BYTES = 2**30  # of their files; a single larger network is kept until another one is requested


class LoadedModels:
    """The last used networks by the name of their weights file: at most `KEPT`, with at most `KEPT_BYTES` in total. The
    content of a file never changes, so an entry is never out of date.

    Belongs to one event loop, which is not blocked while a file loads.
    """

    def __init__(self, files: Files) -> None:
        torch.set_num_threads(1)  # predictions are small; more threads would slow down trainings
        self.files = files
        self.loaded: OrderedDict[str, Trained] = OrderedDict()
        self.sizes: dict[str, int] = {}
        self.loading: dict[str, asyncio.Task[Trained]] = {}

    async def get(self, weights: str) -> Trained:
        """The network of a weights file, loaded if necessary. Raises OSError."""
        if weights in self.loaded:
            self.loaded.move_to_end(weights)
            return self.loaded[weights]
        if weights not in self.loading:
            self.loading[weights] = asyncio.create_task(self._load(weights))
        return await asyncio.shield(self.loading[weights])  # a cancelled caller does not cancel the shared load

    async def _load(self, weights: str) -> Trained:
        try:
            trained, size = await asyncio.to_thread(self._read, weights)
        finally:
            del self.loading[weights]
        self.loaded[weights], self.sizes[weights] = trained, size
        while len(self.loaded) > KEPT or (len(self.loaded) > 1 and sum(self.sizes.values()) > KEPT_BYTES):
            oldest, _ = self.loaded.popitem(last=False)
            del self.sizes[oldest]
        return trained

    def _read(self, weights: str) -> tuple[Trained, int]:
        data = self.files.read(weights)
        return from_safetensors(data), len(data)
