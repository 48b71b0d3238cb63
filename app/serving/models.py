"""Trained networks, loaded once and kept while they are used."""

import threading
from collections import OrderedDict

import torch

from app.learning.export import Trained, from_safetensors
from app.storage.files import Files

KEPT = 32


class LoadedModels:
    """The last `KEPT` networks by the name of their weights file. A file's content never changes under its name."""

    def __init__(self, files: Files) -> None:
        torch.set_num_threads(1)  # predictions are small: more threads would only get in the way of trainings
        self.files = files
        self.lock = threading.Lock()
        self.loaded: OrderedDict[str, Trained] = OrderedDict()

    def get(self, weights: str) -> Trained:
        """The network of a weights file; safe to call from many threads."""
        with self.lock:
            if weights not in self.loaded:
                self.loaded[weights] = from_safetensors(self.files.read(weights))
                if len(self.loaded) > KEPT:
                    self.loaded.popitem(last=False)
            self.loaded.move_to_end(weights)
            return self.loaded[weights]
