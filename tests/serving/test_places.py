"""Places for slow work: few at once, and each is taken until its work has ended, whoever has left."""

import asyncio
import time
from collections.abc import Iterator
from threading import Event

import pytest

from app.errors import NotReady
from app.serving.places import Places


def test_work_keeps_its_place_when_its_caller_leaves() -> None:
    async def scenario() -> None:
        places, may_end = Places(at_once=1, waiting=1), Event()
        try:
            abandoned = asyncio.create_task(places.run(may_end.wait))
            while not places.free.locked():
                await asyncio.sleep(0)
            abandoned.cancel()
            waiting = asyncio.create_task(places.run(lambda: "next"))
            await asyncio.wait([abandoned])
            assert abandoned.cancelled() and places.taken == 2 and not waiting.done()
            with pytest.raises(NotReady):
                await places.run(lambda: None)
        finally:
            may_end.set()
        assert await waiting == "next"
        assert places.taken == 0 and not places.free.locked()

    asyncio.run(scenario())


def test_work_whose_caller_leaves_before_it_begins_is_not_done() -> None:
    async def scenario() -> None:
        places, may_end, done = Places(at_once=1, waiting=1), Event(), list[str]()
        try:
            first = asyncio.create_task(places.run(may_end.wait))
            while not places.free.locked():
                await asyncio.sleep(0)
            second = asyncio.create_task(places.run(lambda: done.append("second")))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.wait([second])
            assert places.taken == 1
        finally:
            may_end.set()
        await first
        assert done == [] and places.taken == 0

    asyncio.run(scenario())


def test_an_answer_in_pieces_holds_a_place_only_while_one_is_made() -> None:
    async def scenario() -> None:
        places, at_once, most = Places(at_once=2, waiting=0), 0, 0

        def made(name: str) -> Iterator[str]:
            nonlocal at_once, most
            for number in range(20):
                at_once += 1
                most = max(most, at_once)
                time.sleep(0.001)  # others would begin meanwhile
                at_once -= 1
                yield f"{name}{number}"

        async def read(name: str) -> list[str]:
            return [piece async for piece in places.pieces(made(name))]

        found = await asyncio.gather(*(read(name) for name in "abcdefgh"))
        assert found == [[f"{name}{number}" for number in range(20)] for name in "abcdefgh"]
        assert most <= 2 and places.taken == 0
        unread = places.pieces(made("i"))
        assert await anext(unread) == "i0" and not places.free.locked()
        await unread.aclose()  # type: ignore[attr-defined]

    asyncio.run(scenario())
