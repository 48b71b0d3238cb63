"""Comparisons with a shadow: of a share of the requests, in the pauses of live load, within bounds, and all counted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.learning.layers import Linear
from app.serving import shadowing
from app.serving.batching import MOST
from app.serving.live_load import QUIET, LiveLoad
from app.serving.model_cache import LoadedModels
from app.serving.predictor import Predictor
from app.serving.scores import Row
from app.serving.shadowing import PENDING, PENDING_INPUTS, REST, Answered, ShadowRun, Shadows
from app.serving.write_behind import WriteBehind
from app.storage.files import LocalFiles
from app.storage.models import VersionKey
from app.storage.shadows import MOST_DIFFERENCES, Tally
from tests.support.trained import untrained
from tests.support.virtual_time import run_virtually, virtual_time

KEY, WEIGHTS = VersionKey("", "letters", 1), "weights.safetensors"
COST = 0.001  # seconds of a pass over one input


class Handed(WriteBehind[tuple[VersionKey, Tally]]):
    """Keeps the tallies that it gets."""

    def __init__(self) -> None:
        super().__init__(lambda _: None)

    def add(self, *items: tuple[VersionKey, Tally]) -> None:
        self.items += items


@dataclass
class Scene:
    """A shadow on the virtual clock, whose passes are recorded."""

    passes: list[tuple[float, int]] = field(default_factory=list)  # beginning and inputs
    live: LiveLoad = field(default_factory=LiveLoad)
    error: Exception | None = None

    def __post_init__(self) -> None:
        models = LoadedModels(LocalFiles(Path("/nowhere")))
        self.live_network, shadow = (Predictor(untrained([Linear(3)], (5,))) for _ in range(2))
        shadow.predict_apart = self.predict  # type: ignore[method-assign]
        models.loaded[WEIGHTS] = shadow
        self.handed = Handed()
        self.shadows = Shadows(models, self.live, self.handed, virtual_time)

    async def predict(self, inputs: NDArray[Any]) -> Sequence[Row]:
        self.passes.append((virtual_time(), len(inputs)))
        await asyncio.sleep(COST * len(inputs))
        if self.error is not None:
            raise self.error
        return [1.0] * len(inputs)

    def answer(self, count: int = 1, share: float = 1.0) -> None:
        """A live request with so many inputs has its answer."""
        answered = Answered(self.live_network, "", np.ones((count, 5), np.float32), [1.0] * count, 0.25)
        self.shadows.mirror(ShadowRun(KEY, WEIGHTS, share), answered)

    def total(self) -> Tally:
        """The sum of what has been handed on; nothing may be left."""
        assert not self.shadows.pending and not self.shadows.tallies and self.shadows.comparing is None
        total = Tally()
        for key, tally in self.handed.items:
            assert key == KEY
            total.add(tally)
        return total

    def play(self, scenario: Callable[[], Awaitable[None]]) -> Tally:
        """Run the scenario, and let the shadow come to its end."""

        async def whole() -> None:
            await scenario()
            await asyncio.sleep(1000)

        run_virtually(whole())
        return self.total()


def test_a_share_of_the_requests_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    points = iter([0.1, 0.5, 0.19, 0.2, 0.9])
    monkeypatch.setattr(shadowing.random, "random", lambda: next(points))
    scene = Scene()

    async def requests() -> None:
        for _ in range(5):
            scene.answer(3, share=0.2)

    total = scene.play(requests)
    assert (total.mirrored, total.compared, total.agreed, total.failed) == (6, 6, 6, 0)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8), st.integers(1, 3)), max_size=40))
def test_a_comparison_begins_only_in_a_pause_of_live_load_and_each_input_is_counted(
    sent: list[tuple[int, int, int]],
) -> None:
    """Requests of so many inputs, with the milliseconds of their arrival and of their prediction."""
    scene = Scene()

    async def request(at: int, takes: int, count: int) -> None:
        await asyncio.sleep(at / 1000)
        with scene.live:
            await asyncio.sleep(takes / 1000)
        scene.answer(count)

    async def requests() -> None:
        await asyncio.gather(*(request(*one) for one in sent))

    total = scene.play(requests)
    loads = [(at / 1000 + 1e-9, (at + takes) / 1000 + QUIET - 1e-9) for at, takes, _ in sent]
    for began, _ in scene.passes:
        assert not [load for load in loads if load[0] < began < load[1]]
    for (began, count), (following, _) in pairwise(scene.passes):
        assert following >= began + (1 + REST) * COST * count - 1e-9
    assert (total.mirrored, total.failed) == (sum(count for *_, count in sent), 0)
    assert total.compared == total.agreed == sum(count for _, count in scene.passes)
    event("some were dropped" if total.compared < total.mirrored else "all were compared")


def test_without_a_pause_few_requests_wait_and_the_others_are_dropped_and_counted() -> None:
    scene = Scene()

    async def busy() -> None:
        with scene.live:
            for _ in range(3 * PENDING):
                scene.answer(2)
                await asyncio.sleep(1)
            assert not scene.passes and len(scene.shadows.pending) == PENDING
            handed = sum(tally.mirrored for _, tally in scene.handed.items)
            assert 0 < handed <= 4 * PENDING  # drops are told while the load lasts

    total = scene.play(busy)
    assert (total.mirrored, total.compared, total.failed) == (6 * PENDING, 2 * PENDING, 0)


def test_the_largest_request_is_compared_in_batches_between_which_live_requests_pass() -> None:
    scene = Scene()

    async def requests() -> None:
        scene.answer(PENDING_INPUTS)
        scene.answer(1)  # no room beside it
        await asyncio.sleep(0.1)  # its first batch runs
        with scene.live:
            await asyncio.sleep(10)

    total = scene.play(requests)
    assert max(count for _, count in scene.passes) == MOST
    assert scene.passes[1][0] >= 10.1
    assert (total.mirrored, total.compared) == (PENDING_INPUTS + 1, PENDING_INPUTS)
    assert total.live_seconds == pytest.approx(PENDING_INPUTS * 0.25 / len(scene.passes))  # of a batch, not of all


def test_an_error_of_the_shadow_is_counted_and_the_next_request_is_compared() -> None:
    scene = Scene(error=ArithmeticError("no"))

    async def requests() -> None:
        scene.answer(2)
        await asyncio.sleep(1)
        scene.error = None
        scene.answer(3)

    total = scene.play(requests)
    assert (total.mirrored, total.compared, total.failed) == (5, 3, 2)


def test_a_difference_keeps_no_more_than_its_input() -> None:
    scene = Scene()

    async def requests() -> None:
        answered = Answered(scene.live_network, "", np.ones((100, 5), np.float32), [2.0] * 100, 0.25)
        scene.shadows.mirror(ShadowRun(KEY, WEIGHTS, 1.0), answered)

    differences = scene.play(requests).differences
    assert len(differences) == MOST_DIFFERENCES
    assert all(difference.content.base is None for difference in differences)


def test_a_network_predicts_apart_from_its_batches() -> None:
    predictor = Predictor(untrained([Linear(3)], (5,)))
    inputs = np.ones((4, 5), np.float32)

    async def scenario() -> None:
        rows = await predictor.predict_apart(inputs)
        assert rows == (await predictor.batcher.run(inputs)).rows

    asyncio.run(scenario())
