"""Request coalescing: concurrent callers with one key share one query."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class SingleFlight(Generic[Key, Answer]):
    """Lookups that concurrent callers with the same key share.

    An answer is never older than its call: a caller that arrives during a lookup waits for the next one. Answers are
    not cached, so they are never out of date. Belongs to one event loop.
    """

    def __init__(self, look_up: Callable[[Key], Awaitable[Answer]]) -> None:
        self.look_up = look_up
        self.under_way: dict[Key, asyncio.Task[Answer]] = {}
        self.next: dict[Key, asyncio.Task[Answer]] = {}

    @classmethod
    def in_threads(cls, find: Callable[[Key], Answer]) -> "SingleFlight[Key, Answer]":
        """Wrap a blocking function; each lookup runs in a thread."""

        async def look_up(key: Key) -> Answer:
            return await run_in_threadpool(find, key)

        return cls(look_up)

    async def get(self, key: Key) -> Answer:
        """The answer of the next lookup for `key`."""
        if key not in self.next:
            self.next[key] = asyncio.create_task(self._after(self.under_way.get(key), key))
        return await asyncio.shield(self.next[key])  # a cancelled caller does not cancel the shared lookup

    async def _after(self, earlier: "asyncio.Task[Answer] | None", key: Key) -> Answer:
        if earlier is not None:
            await asyncio.wait([earlier])
        self.under_way[key] = self.next.pop(key)
        try:
            return await self.look_up(key)
        finally:
            del self.under_way[key]
