"""Request coalescing: concurrent callers with one key share one query."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

from anyio.to_thread import run_sync

Key = TypeVar("Key")
Answer = TypeVar("Answer")

KEPT = 1024  # answers, before all are dropped


def mark_seen(task: "asyncio.Task[Any]") -> None:
    """Mark the error of a shared task as seen: all who wanted its result may have left."""
    if not task.cancelled():
        task.exception()


class OncePerTurn(Generic[Answer]):
    """A value that all callers in one turn of the event loop share. The first one reads it.

    A caller never has a value from before its request. The server reads a request from its connection and then
    schedules its task, so the task comes after the end of a turn whose value is older.
    """

    def __init__(self, read: Callable[[], Answer]) -> None:
        self.read = read
        self.values: list[Answer] = []  # of this turn: none or one

    def __call__(self) -> Answer:
        if not self.values:
            self.values.append(self.read())
            asyncio.get_running_loop().call_soon(self.values.clear)
        return self.values[0]


class SingleFlight(Generic[Key, Answer]):
    """Lookups that concurrent callers with the same key share.

    An answer is never older than its call: a caller that arrives during a lookup waits for the next one. Belongs to one
    event loop.
    """

    def __init__(self, look_up: Callable[[Key], Awaitable[Answer]]) -> None:
        self.look_up = look_up
        self.under_way: dict[Key, asyncio.Task[Answer]] = {}
        self.next: dict[Key, asyncio.Task[Answer]] = {}

    @classmethod
    def in_threads(cls, find: Callable[[Key], Answer]) -> "SingleFlight[Key, Answer]":
        """Wrap a blocking function; each lookup runs in a thread."""

        async def look_up(key: Key) -> Answer:
            return await run_sync(find, key)

        return cls(look_up)

    async def get(self, key: Key) -> Answer:
        """The answer of the next lookup for `key`."""
        if key not in self.next:
            self.next[key] = asyncio.create_task(self._after(self.under_way.get(key), key))
            self.next[key].add_done_callback(mark_seen)
        return await asyncio.shield(self.next[key])  # a cancelled caller does not cancel the shared lookup

    async def _after(self, earlier: "asyncio.Task[Answer] | None", key: Key) -> Answer:
        if earlier is not None:
            await asyncio.wait([earlier])
        self.under_way[key] = self.next.pop(key)
        try:
            return await self.look_up(key)
        finally:
            del self.under_way[key]


class KeptAnswers(Generic[Key, Answer]):
    """Answers of shared lookups, kept until the database changes.

    `version` reads a value that changes with each commit; None if it is unknown, and then nothing is kept.
    """

    def __init__(self, flight: SingleFlight[Key, Answer], version: Callable[[], object]) -> None:
        self.flight, self.version = flight, OncePerTurn(version)
        self.seen: object = None
        self.answers: dict[Key, Answer] = {}

    async def get(self, key: Key) -> Answer:
        """The answer as of this call or later."""
        version = self.version()
        if version is None:
            return await self.flight.get(key)
        if version != self.seen or len(self.answers) >= KEPT:
            self.seen = version
            self.answers.clear()
        if key in self.answers:
            return self.answers[key]
        answer = await self.flight.get(key)
        if version == self.seen:  # else the answer may be older than what another caller has seen meanwhile
            self.answers[key] = answer
        return answer
