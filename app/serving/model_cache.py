"""Trained networks, loaded once and kept while they are used."""

import asyncio
from collections import OrderedDict

import torch

from app.learning.serialization import Trained, from_safetensors
from app.storage.files import Files

KEPT = 32
KEPT_BYTES = 2**30  # of their files; one that is larger alone is kept as long as no other one is asked for


class LoadedModels:
    """The last `KEPT` networks by the name of their weights file, or the last that have `KEPT_BYTES` together. A file's
    content never changes under its name.

    For one event loop, which no file keeps waiting.
    """

    def __init__(self, files: Files) -> None:
        torch.set_num_threads(1)  # predictions are small: more threads would only get in the way of trainings
        self.files = files
        self.loaded: OrderedDict[str, Trained] = OrderedDict()
        self.sizes: dict[str, int] = {}
        self.loading: dict[str, asyncio.Task[Trained]] = {}

    async def get(self, weights: str) -> Trained:
        """The network of a weights file: at once when it is loaded. Raises OSError."""
        if weights in self.loaded:
            self.loaded.move_to_end(weights)
            return self.loaded[weights]
        if weights not in self.loading:
            self.loading[weights] = asyncio.create_task(self._load(weights))
        return await asyncio.shield(self.loading[weights])  # one who leaves does not take the others' along

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
