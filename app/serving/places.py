"""Bounded places for work that takes long."""

from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import NotReady


class Places:
    """At most `at_once` requests work, and at most `waiting` wait for a place; further ones are refused."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self.most, self.taken = at_once + waiting, 0
        self.free = Semaphore(at_once)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Wait for a place and hold it. Raises NotReady."""
        if self.taken >= self.most:
            raise NotReady("too_busy")
        self.taken += 1
        try:
            async with self.free:
                yield
        finally:
            self.taken -= 1
