"""Cache of trained networks: an LRU cache with a limit on number and size."""

import asyncio
from collections import OrderedDict

import torch

from app import metrics
from app.learning.serialization import from_safetensors
from app.serving.coalescing import mark_seen
from app.serving.predictor import Predictor
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
        self.loaded: OrderedDict[str, Predictor] = OrderedDict()
        self.sizes: dict[str, int] = {}
        self.loading: dict[str, asyncio.Task[Predictor]] = {}

    async def get(self, weights: str) -> Predictor:
        """The network of a weights file, loaded if necessary. Raises OSError."""
        if weights in self.loaded:
            self.loaded.move_to_end(weights)
            return self.loaded[weights]
        if weights not in self.loading:
            self.loading[weights] = asyncio.create_task(self._load(weights))
            self.loading[weights].add_done_callback(mark_seen)
        return await asyncio.shield(self.loading[weights])  # a cancelled caller does not cancel the shared load

    async def _load(self, weights: str) -> Predictor:
        try:
            predictor, size = await asyncio.to_thread(self._read, weights)
        finally:
            del self.loading[weights]
        self.loaded[weights], self.sizes[weights] = predictor, size
        while len(self.loaded) > KEPT or (len(self.loaded) > 1 and sum(self.sizes.values()) > KEPT_BYTES):
            oldest, _ = self.loaded.popitem(last=False)
            del self.sizes[oldest]
        metrics.models_cached.set(len(self.sizes))
        metrics.models_cached_bytes.set(sum(self.sizes.values()))
        return predictor

    def _read(self, weights: str) -> tuple[Predictor, int]:
        data = self.files.read(weights)
        metrics.models_loaded.inc()
        return Predictor(from_safetensors(data)), len(data)
