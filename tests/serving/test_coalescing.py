import asyncio

import pytest

from app.serving.coalescing import SingleFlight


def test_questions_at_once_share_a_lookup_that_began_after_the_last_of_them() -> None:
    async def scenario() -> None:
        value, begun = "old", 0

        async def look_up(key: str) -> str:
            nonlocal begun
            begun += 1
            seen = value
            await asyncio.sleep(0.01)
            return f"{key} {seen}"

        lookups = SingleFlight(look_up)
        first = asyncio.create_task(lookups.get("a"))
        while not begun:
            await asyncio.sleep(0)
        value = "new"  # while the first lookup is running, which has read the old value
        later = [asyncio.create_task(lookups.get("a")) for _ in range(20)]
        assert await first == "a old"
        assert await asyncio.gather(*later) == ["a new"] * 20
        assert begun == 2
        assert await asyncio.gather(lookups.get("a"), lookups.get("b")) == ["a new", "b new"]
        assert not lookups.under_way and not lookups.next

    asyncio.run(scenario())


def test_an_error_is_everyones_and_is_not_remembered() -> None:
    async def scenario() -> None:
        async def look_up(key: str) -> str:
            if fails:
                raise LookupError(key)
            return key

        lookups, fails = SingleFlight(look_up), True
        for answer in await asyncio.gather(lookups.get("a"), lookups.get("a"), return_exceptions=True):
            assert isinstance(answer, LookupError)
        fails = False
        assert await lookups.get("a") == "a"

    asyncio.run(scenario())


def test_one_who_leaves_does_not_take_the_answer_along() -> None:
    async def scenario() -> None:
        async def look_up(key: str) -> str:
            await asyncio.sleep(0.01)
            return key

        lookups = SingleFlight(look_up)
        leaving, staying = (asyncio.create_task(lookups.get("a")) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        assert await staying == "a"
        with pytest.raises(asyncio.CancelledError):
            await leaving

    asyncio.run(scenario())
