"""Micro-batching: each request gets its own answer, whatever others send, fail or leave meanwhile."""

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.errors import Overloaded
from app.serving.batching import MOST_WAIT, PATIENCE, Batcher
from app.serving.executor import run_in_thread
from tests.support.virtual_time import run_virtually, virtual_time

POISON = -1.0
SIZE = 4  # inputs of a batch at most


@dataclass
class Network:
    """Doubles its inputs. On the virtual clock a batch takes `constant + each · n` seconds; POISON makes it fail."""

    constant: float = 1.0
    each: float = 0.5
    batches: list[list[float]] = field(default_factory=list)

    def compute(self, inputs: NDArray[Any]) -> Sequence[float]:
        self.batches.append(inputs[:, 0].tolist())
        if POISON in inputs:
            raise ArithmeticError("poison")
        return [2 * value for value in self.batches[-1]]

    async def execute(self, work: Callable[[], Any]) -> Any:
        began = len(self.batches)
        result = work()
        await asyncio.sleep(sum(self.constant + self.each * len(batch) for batch in self.batches[began:]))
        return result

    def batcher(self, cheap: int = 0) -> "Batcher[float]":
        return Batcher(self.compute, lambda count: count <= cheap, self.execute, SIZE, virtual_time)


def inputs(*values: float) -> NDArray[Any]:
    return np.array(values)[:, None]


@dataclass(frozen=True)
class Request:
    at: float
    values: tuple[float, ...]
    patience: float  # seconds until its client leaves


requests = st.builds(
    Request,
    at=st.floats(0, 20),
    values=st.lists(st.sampled_from([POISON, *map(float, range(50))]), min_size=1, max_size=9).map(tuple),
    patience=st.one_of(st.just(1e9), st.floats(0.01, 10)),
)


@settings(max_examples=60)
@given(st.lists(requests, max_size=15), st.integers(0, 3))
def test_each_request_gets_its_own_answer(sent: list[Request], cheap: int) -> None:
    network = Network()

    async def client(batcher: "Batcher[float]", request: Request) -> object:
        await asyncio.sleep(request.at)
        try:
            async with asyncio.timeout(request.patience):
                return (await batcher.run(inputs(*request.values))).rows
        except TimeoutError:
            return "left"
        except ArithmeticError as error:
            return error

    async def scenario() -> tuple[list[object], "Batcher[float]"]:
        batcher = network.batcher(cheap)
        answers = await asyncio.gather(*(client(batcher, request) for request in sent))
        await asyncio.sleep(100)  # a batch whose clients have all left ends by itself
        return answers, batcher

    answers, batcher = run_virtually(scenario())
    for request, answer in zip(sent, answers, strict=True):
        if answer == "left":
            assert request.patience < 1e9
        elif POISON in request.values:
            assert isinstance(answer, ArithmeticError)
        else:
            assert answer == [2 * value for value in request.values]
    assert all(len(batch) <= SIZE for batch in network.batches)
    assert (batcher.waiting, batcher.is_active, len(batcher.pieces)) == (0, False, 0)


@settings(max_examples=30)
@given(st.lists(st.integers(1, SIZE), min_size=1, max_size=20))
def test_requests_of_one_turn_share_batches_in_their_order(sizes: list[int]) -> None:
    network = Network()
    sent = [inputs(*(100.0 * place + value for value in range(size))) for place, size in enumerate(sizes)]

    async def scenario() -> None:
        batcher = network.batcher(cheap=SIZE)
        await asyncio.gather(*(batcher.run(values) for values in sent))

    run_virtually(scenario())
    assert [value for batch in network.batches for value in batch] == [v for values in sent for v in values[:, 0]]
    for batch, following in zip(network.batches, network.batches[1:], strict=False):
        first = next(len(values) for values in sent if values[0, 0] == following[0])
        assert len(batch) + first > SIZE  # the next request did not fit any more


def test_several_requests_wait_a_turn_for_those_that_arrive_meanwhile_and_a_single_one_does_not() -> None:
    async def batches(first: int) -> list[list[float]]:
        network, loop = Network(), asyncio.get_running_loop()
        batcher = network.batcher(cheap=SIZE)
        tasks = [loop.create_task(batcher.run(inputs(value))) for value in range(first)]
        await asyncio.sleep(0)  # their tasks run
        tasks.append(loop.create_task(batcher.run(inputs(9))))  # its task runs after the end of their turn
        await asyncio.gather(*tasks)
        return network.batches

    assert run_virtually(batches(1)) == [[0], [9]]
    assert run_virtually(batches(2)) == [[0, 1, 9]]


def test_nothing_waits_while_the_network_is_idle() -> None:
    async def scenario() -> float:
        batcher, loop = Network().batcher(cheap=1), asyncio.get_running_loop()
        for value in range(5):
            await batcher.run(inputs(value))
        return loop.time()

    assert run_virtually(scenario()) == 0


def test_a_request_of_many_batches_lets_others_in_between() -> None:
    network = Network()

    async def scenario() -> None:
        batcher = network.batcher()
        long = asyncio.create_task(batcher.run(inputs(*range(20))))
        await asyncio.sleep(0.1)
        await batcher.run(inputs(99.0))
        assert not long.done()
        await long

    run_virtually(scenario())
    assert [99.0] in network.batches[:2] or network.batches[1][:1] == [99.0]


def test_a_lower_number_goes_first_and_equal_ones_in_their_order() -> None:
    network, priorities = Network(), (2, 3, 1, 2, 1, 3)

    async def scenario() -> None:
        batcher = network.batcher()
        sent = [batcher.run(inputs(*[place] * SIZE), priority) for place, priority in enumerate(priorities)]
        await asyncio.gather(*sent)

    run_virtually(scenario())
    assert [batch[0] for batch in network.batches] == [2, 4, 0, 3, 1, 5]


moments = st.integers(0, 24).map(lambda quarters: quarters / 4)  # seconds that floats represent


@settings(max_examples=60)
@given(st.lists(st.tuples(moments, st.integers(1, 4), st.integers(1, SIZE)), max_size=25))
def test_a_request_overtakes_no_other_that_waits_for_long(sent: list[tuple[float, int, int]]) -> None:
    network = Network()

    async def client(batcher: "Batcher[float]", number: int, at: float, priority: int, size: int) -> None:
        await asyncio.sleep(at)
        await batcher.run(inputs(*[number] * size), priority)

    async def scenario() -> None:
        batcher = network.batcher()
        await asyncio.gather(*(client(batcher, number, *request) for number, request in enumerate(sent)))

    run_virtually(scenario())
    order = list(dict.fromkeys(int(value) for batch in network.batches for value in batch))
    for number, (at, priority, _) in enumerate(sent):
        overtaken_by = set(order[: order.index(number)])
        assert not [other for other in overtaken_by if sent[other][0] > at + PATIENCE]
        assert not [other for other in overtaken_by if sent[other][0] > at and sent[other][1] >= priority]


@pytest.mark.parametrize("size", [1, 3 * SIZE])
def test_no_request_starves_while_others_with_a_lower_number_take_all_there_is(size: int) -> None:
    batch = 1.0 + 0.5 * SIZE  # seconds

    async def scenario() -> bool:
        batcher, loop = Network().batcher(), asyncio.get_running_loop()

        def urgent() -> "asyncio.Task[Any]":
            return loop.create_task(batcher.run(inputs(*[0.0] * SIZE), 1))

        others = [urgent(), urgent()]
        last = loop.create_task(batcher.run(inputs(*[9.0] * size), 1000))
        for _ in range(20):  # always one arrives while another one runs and one waits
            await asyncio.sleep(batch)
            others.append(urgent())
        is_answered = last.done()
        await asyncio.gather(*others, last)
        return is_answered

    assert run_virtually(scenario())


def test_what_its_client_no_longer_wants_is_never_computed() -> None:
    network = Network()

    async def scenario() -> float:
        batcher, loop = network.batcher(), asyncio.get_running_loop()
        busy = asyncio.create_task(batcher.run(inputs(1.0)))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await batcher.run(inputs(2.0))
        left_at = loop.time()
        await busy
        await batcher.run(inputs(3.0))
        return left_at

    assert run_virtually(scenario()) == pytest.approx(0.3)
    assert network.batches == [[1.0], [3.0]]


def test_a_poisoned_request_fails_alone() -> None:
    async def scenario() -> None:
        batcher = Network().batcher(cheap=SIZE)
        first, second, third = (asyncio.create_task(batcher.run(inputs(v))) for v in (1.0, POISON, 3.0))
        assert (await first).rows == [2.0] and (await third).rows == [6.0]
        with pytest.raises(ArithmeticError):
            await second

    run_virtually(scenario())


def test_without_a_thread_for_the_batch_its_requests_fail_and_later_ones_do_not() -> None:
    async def scenario() -> None:
        batcher = Network().batcher()

        async def no_thread(work: Callable[[], Any]) -> Any:
            raise RuntimeError("cannot schedule new futures after shutdown")

        working, batcher.execute = batcher.execute, no_thread
        with pytest.raises(RuntimeError, match="shutdown"):
            await batcher.run(inputs(1.0))
        batcher.execute = working
        assert (await batcher.run(inputs(1.0))).rows == [2.0]

    run_virtually(scenario())


def test_a_batch_does_not_wait_for_bodies_that_take_long_to_read() -> None:
    released = threading.Event()

    async def scenario() -> Sequence[float]:
        reading = [asyncio.create_task(run_in_thread(released.wait)) for _ in range(2 * (os.cpu_count() or 1))]
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(60):
                return (await Batcher(Network().compute, lambda _: False).run(inputs(1.0))).rows
        finally:
            released.set()
            await asyncio.gather(*reading)

    assert asyncio.run(scenario()) == [2.0]


def test_a_request_that_would_wait_too_long_is_refused_with_the_time_to_wait() -> None:
    async def scenario() -> None:
        batcher = Network(constant=0.3, each=0.1).batcher()
        await asyncio.gather(*(batcher.run(inputs(*range(size))) for size in (1, 2, 3, 4)))  # to learn the costs
        batcher.admit(0.001)  # an idle network takes every request
        waiting = [asyncio.create_task(batcher.run(inputs(1, 2, 3, 4))) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert batcher.predicted_wait() == pytest.approx(0.6 + 0.7 + 0.7, rel=0.05)
        with pytest.raises(Overloaded) as refused:
            batcher.admit()
        assert refused.value.retry_after == 2
        await waiting[1]
        batcher.admit()
        batcher.admit(1.5)
        with pytest.raises(Overloaded):
            batcher.admit(1.3)  # the running batch takes 0.7 s, and its own one as long if it fills up
        await waiting[2]

    run_virtually(scenario())


def test_a_request_is_not_refused_for_others_that_it_would_overtake() -> None:
    async def scenario() -> None:
        batcher = Network(constant=0.3, each=0.1).batcher()
        await asyncio.gather(*(batcher.run(inputs(*range(size))) for size in (1, 2, 3, 4)))  # to learn the costs
        waiting = [asyncio.create_task(batcher.run(inputs(1, 2, 3, 4), 3)) for _ in range(6)]
        await asyncio.sleep(0.1)
        waiting.pop().cancel()
        await asyncio.sleep(0)
        assert batcher.predicted_wait(3) == pytest.approx(0.6 + 4 * 0.7, rel=0.05)
        assert batcher.predicted_wait(2) == pytest.approx(0.6, rel=0.05)
        batcher.admit(priority=2)
        with pytest.raises(Overloaded):
            batcher.admit(priority=3)
        await asyncio.sleep(PATIENCE)
        assert batcher.predicted_wait(2) == batcher.predicted_wait(3), "none is overtaken any more"
        await asyncio.gather(*waiting)

    run_virtually(scenario())


@pytest.mark.parametrize("load", [0.5, 1.0, 3.0])
def test_under_overload_who_is_admitted_is_answered_in_time(load: float) -> None:
    """Requests arrive at `load` times the capacity, each with a deadline."""
    constant, each, deadline, count = 0.02, 0.005, 0.5, 3000
    capacity = 16 / (constant + 16 * each)  # requests a second, in full batches
    took: list[float] = []
    refused = late = 0

    async def client(batcher: "Batcher[float]", at: float) -> None:
        nonlocal refused, late
        loop = asyncio.get_running_loop()
        await asyncio.sleep(at)
        began = loop.time()
        try:
            batcher.admit(deadline)
            async with asyncio.timeout(deadline):
                await batcher.run(inputs(1.0))
            took.append(loop.time() - began)
        except Overloaded:
            refused += 1
        except TimeoutError:
            late += 1

    async def scenario() -> float:
        network = Network(constant, each)
        batcher = Batcher(network.compute, lambda _: False, network.execute, 16, virtual_time)
        moments = np.random.default_rng(0).exponential(1 / (load * capacity), count).cumsum()
        await asyncio.gather(*(client(batcher, float(at)) for at in moments))
        return asyncio.get_running_loop().time()

    seconds = run_virtually(scenario())
    assert len(took) + refused + late == count
    assert max(took) <= deadline and late <= 0.01 * count
    if load < 1:
        assert refused == late == 0
    else:
        assert len(took) / seconds >= 0.9 * capacity * min(1, load)


def test_an_unlearned_cost_refuses_nobody() -> None:
    async def scenario() -> None:
        batcher = Network().batcher()
        busy = [asyncio.create_task(batcher.run(inputs(1.0))) for _ in range(10)]
        await asyncio.sleep(0.1)
        batcher.admit(MOST_WAIT / 1000)
        for task in busy:
            task.cancel()
        await asyncio.sleep(100)

    run_virtually(scenario())


def test_batches_are_measured_more_finely_than_the_time_of_an_event_loop() -> None:
    async def scenario() -> float:
        network = Network()
        batcher = Batcher(network.compute, lambda _: True)
        measured = [(await batcher.run(inputs(value))).seconds for value in range(20)]
        assert all(seconds > 0 for seconds in measured)
        return batcher.cost.predict(1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # its clock has whole milliseconds
        assert runner.run(scenario()) > 0
