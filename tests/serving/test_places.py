"""Places for slow work: few at once, and each is taken until its work has ended, whoever has left."""

import asyncio
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
