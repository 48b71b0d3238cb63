import asyncio
import gc

import pytest

from app.serving.coalescing import KeptAnswers, OncePerTurn, SingleFlight


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


def test_an_error_that_nobody_waits_for_any_more_is_not_logged() -> None:
    async def scenario() -> list[object]:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

        async def look_up(key: str) -> str:
            await asyncio.sleep(0.01)
            raise LookupError(key)

        lookups = SingleFlight(look_up)
        leaving = asyncio.create_task(lookups.get("a"))
        await asyncio.sleep(0)
        leaving.cancel()
        while lookups.next or lookups.under_way:
            await asyncio.sleep(0.001)
        gc.collect()
        return complaints

    assert asyncio.run(scenario()) == []


def test_a_value_is_read_once_a_turn_and_again_for_what_is_scheduled_after() -> None:
    async def scenario() -> None:
        value, reads = 1, 0

        def read() -> int:
            nonlocal reads
            reads += 1
            return value

        async def ask() -> int:
            return current()

        current = OncePerTurn(read)
        assert [current(), current()] == [1, 1] and reads == 1
        value = 2
        later = asyncio.create_task(ask())  # of a request that has arrived after the value was read
        assert current() == 1
        assert await later == 2 and reads == 2

    asyncio.run(scenario())


def test_an_answer_is_kept_until_the_version_changes() -> None:
    async def scenario() -> None:
        version, looked_up = 1, []

        async def look_up(key: str) -> int:
            looked_up.append(key)
            return version

        kept = KeptAnswers(SingleFlight(look_up), lambda: version)
        assert [await kept.get("a"), await kept.get("a"), await kept.get("b")] == [1, 1, 1]
        assert looked_up == ["a", "b"]
        version = 2
        await asyncio.sleep(0)
        assert await kept.get("a") == 2

    asyncio.run(scenario())
