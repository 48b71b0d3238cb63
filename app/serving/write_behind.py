"""Rows about predictions, stored a moment later and together: no client waits for the database."""

import asyncio
import logging
from collections.abc import Callable
from typing import Generic, TypeVar

from app.serving.executor import THREADS

log = logging.getLogger("antigrad.predictions")
SECONDS = 0.5  # from the first item until all are stored

Item = TypeVar("Item")


class WriteBehind(Generic[Item]):
    """Items that `store` writes in a thread. Belongs to one event loop."""

    def __init__(self, store: Callable[[list[Item]], None]) -> None:
        self.store = store
        self.items: list[Item] = []

    def add(self, *items: Item) -> None:
        """Keep items until they are stored together."""
        if items and not self.items:
            asyncio.get_running_loop().call_later(SECONDS, self._flush)
        self.items += items

    def _flush(self) -> None:
        items, self.items = self.items, []
        THREADS.submit(self._stored, items)

    def _stored(self, items: list[Item]) -> None:
        try:
            self.store(items)
        except Exception:  # they are about predictions that clients have; none fails for them
            log.exception("%d items about predictions are lost", len(items))
