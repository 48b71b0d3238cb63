"""Comparisons with a shadow: a share of the requests, a bounded number at once, and tallies that sum up."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from app.learning.layers import Linear
from app.learning.serialization import to_safetensors
from app.serving import shadowing
from app.serving.model_cache import LoadedModels
from app.serving.shadowing import PENDING, Answered, ShadowRun, Shadows
from app.serving.write_behind import WriteBehind
from app.storage.files import LocalFiles
from app.storage.models import VersionKey
from app.storage.shadows import Tally
from tests.support.trained import untrained

KEY, WEIGHTS, ROWS = VersionKey("", "letters", 1), "weights.safetensors", np.ones((3, 5), np.float32)


def compared(tmp_path: Path, share: float, requests: int, at_once: bool) -> Tally:
    """The sum of the stored tallies after so many requests."""
    files = LocalFiles(tmp_path)
    files.write(WEIGHTS, to_safetensors(untrained([Linear(3)], (5,))))
    stored: list[tuple[VersionKey, Tally]] = []
    written = WriteBehind(stored.extend)

    async def scenario() -> None:
        models = LoadedModels(files)
        shadows = Shadows(models, written)
        predictor = await models.get(WEIGHTS)
        rows = (await predictor.batcher.run(ROWS)).rows
        for _ in range(requests):
            shadows.mirror(ShadowRun(KEY, WEIGHTS, share), Answered(predictor, "", ROWS, rows, 0.001))
            if not at_once:
                await asyncio.gather(*shadows.tasks)
        await asyncio.gather(*shadows.tasks)
        while written.items or not stored:
            await asyncio.sleep(0.01)

    asyncio.run(scenario())
    total = Tally()
    for _, tally in stored:
        total.add(tally)
    return total


def test_a_share_of_the_requests_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = iter([0.1, 0.5, 0.19, 0.2, 0.9])
    monkeypatch.setattr(shadowing.random, "random", lambda: next(points))
    total = compared(tmp_path, 0.2, 5, at_once=False)
    assert (total.requests, total.compared, total.agreed) == (2, 6, 6)
    assert total.live_seconds == pytest.approx(0.002) and total.shadow_seconds > 0


def test_few_comparisons_wait_at_once(tmp_path: Path) -> None:
    assert compared(tmp_path, 1.0, 3 * PENDING, at_once=True).requests == PENDING
