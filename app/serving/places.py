"""Bounded places for work that takes long."""

import asyncio
from asyncio import Semaphore
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from anyio.to_thread import run_sync

from app.errors import NotReady
from app.serving.coalescing import mark_seen

Result = TypeVar("Result")


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

    async def pieces(self, made: Iterator[Result]) -> AsyncIterator[Result]:
        """The pieces of an answer, each made in a thread and in a place, for which it waits. It holds none while its
        client reads, and an answer that has begun is not refused."""
        over = object()
        while True:
            async with self.free:
                piece = await run_sync(next, made, over)
            if piece is over:
                return
            yield piece  # type: ignore[misc]

    async def run(self, work: Callable[[], Result]) -> Result:
        """Run the work in a thread, in a place that it holds to its end: nothing can stop it if its caller is
        cancelled. Raises NotReady."""
        place = AsyncExitStack()
        await place.enter_async_context(self.one())

        async def hold() -> Result:
            async with place:
                return await run_sync(work)

        holding = asyncio.ensure_future(hold())
        holding.add_done_callback(mark_seen)
        return await asyncio.shield(holding)
