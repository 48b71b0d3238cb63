"""Request coalescing: concurrent callers with one key share one query."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi.concurrency import run_in_threadpool

Key = TypeVar("Key")
Answer = TypeVar("Answer")


class SingleFlight(Generic[Key, Answer]):
    """Answers to questions that are asked often at once: those with one key share a lookup.

    No answer is older than its question: whoever comes while a lookup is under way waits for the next one. So nothing
    is remembered, and nothing can be out of date. For one event loop.
    """

    def __init__(self, look_up: Callable[[Key], Awaitable[Answer]]) -> None:
        self.look_up = look_up
        self.under_way: dict[Key, asyncio.Task[Answer]] = {}
        self.next: dict[Key, asyncio.Task[Answer]] = {}

    @classmethod
    def in_threads(cls, find: Callable[[Key], Answer]) -> "SingleFlight[Key, Answer]":
        """By a function that blocks: each lookup has a thread for as long as it takes."""

        async def look_up(key: Key) -> Answer:
            return await run_in_threadpool(find, key)

        return cls(look_up)

    async def get(self, key: Key) -> Answer:
        if key not in self.next:
            self.next[key] = asyncio.create_task(self._after(self.under_way.get(key), key))
        return await asyncio.shield(self.next[key])  # one who leaves does not take the others' answer along

    async def _after(self, earlier: "asyncio.Task[Answer] | None", key: Key) -> Answer:
        if earlier is not None:
            await asyncio.wait([earlier])
        self.under_way[key] = self.next.pop(key)
        try:
            return await self.look_up(key)
        finally:
            del self.under_way[key]
