"""`antigrad serve` without its metrics or its batching, to measure what they cost: python -m bench.without PART …"""

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

from app import metrics
from app.api import observation
from app.cli.main import main
from app.serving.batching import Batched, Batcher, Inputs


class Nothing:
    """A metric that counts nothing."""

    def inc(self, _: float = 1) -> None: ...

    def observe(self, _: float) -> None: ...


def without_metrics() -> None:
    nothing = Nothing()
    for name in ("batch_size", "dropped", "models_loaded"):
        setattr(metrics, name, nothing)
    for name in ("requests", "request_seconds", "refusals"):
        setattr(metrics, name, lambda *_: nothing)
    metrics.predict_seconds = dict.fromkeys(metrics.STAGES, nothing)  # type: ignore[arg-type]
    assert observation.metrics is metrics


def without_batching() -> None:
    async def run(self: Batcher[Any], inputs: Inputs, _: int = 0) -> Batched[Any]:
        await asyncio.sleep(0)  # as short a wait as the end of a turn
        rows: Sequence[Any] = self.compute(inputs)
        return Batched(rows, 0.0)

    Batcher.run = run  # type: ignore[method-assign]


if __name__ == "__main__":
    {"metrics": without_metrics, "batching": without_batching}[sys.argv.pop(1)]()
    main()
