"""Predictions of a run in the shadow of another: made when the client has its answer, and compared with that.

Nothing of it reaches a client: neither an answer nor an error, and its batches have the lowest priority.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any, NamedTuple

from numpy.typing import NDArray

from app.serving.model_cache import LoadedModels
from app.serving.predictor import Predictor
from app.serving.scores import Row, Scores
from app.serving.write_behind import WriteBehind
from app.storage.models import VersionKey
from app.storage.shadows import MOST_DIFFERENCES, Difference, Tally

PENDING = 8  # requests whose comparison has not ended; no further ones are compared meanwhile
LAST = 1000  # priority of the batches
TOLERANCE = 0.01  # of the larger of two values that agree


@dataclass(frozen=True)
class ShadowRun:
    """A run in the shadow of a model's version: its weights file, and its share of the requests."""

    version: VersionKey
    weights: str
    share: float


class Answered(NamedTuple):
    """A request that has been answered: its client's owner, the raw inputs (n, …), the predictions, and the seconds of
    their batch."""

    predictor: Predictor
    owner: str
    inputs: NDArray[Any]
    rows: Sequence[Row]
    seconds: float


class Shadows:
    """Comparisons in the background, which are added up in the database. Belongs to one event loop."""

    def __init__(self, models: LoadedModels, written: WriteBehind[tuple[VersionKey, Tally]]) -> None:
        self.models, self.written = models, written
        self.tasks: set[asyncio.Task[None]] = set()

    def mirror(self, shadow: ShadowRun, answered: Answered) -> None:
        """Compare the shadow's predictions with those of an answer, for its share of the requests."""
        if len(self.tasks) >= PENDING or random.random() >= shadow.share:
            return
        task = asyncio.create_task(self._compare(shadow, answered))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _compare(self, shadow: ShadowRun, answered: Answered) -> None:
        try:
            predictor = await self.models.get(shadow.weights)
            batched = await predictor.batcher.run(answered.inputs, LAST)
            tally = compared(answered, predictor, batched.rows, batched.seconds)
        except Exception:  # whatever it is, it is the shadow's alone
            tally = Tally(failed=len(answered.inputs))
        self.written.add((shadow.version, tally))


def compared(answered: Answered, shadow: Predictor, rows: Sequence[Row], seconds: float) -> Tally:
    """The comparison of a shadow's predictions with those of an answer."""
    tally = Tally(compared=len(rows), live_seconds=answered.seconds, shadow_seconds=seconds, requests=1)
    for content, live, other in zip(answered.inputs, answered.rows, rows, strict=True):
        said, shadow_said = _said(answered.predictor, live), _said(shadow, other)
        if _agree(said, shadow_said):
            tally.agreed += 1
        elif len(tally.differences) < MOST_DIFFERENCES:
            tally.differences.append(Difference(answered.owner, content, said, shadow_said))
    return tally


def _said(predictor: Predictor, row: Row) -> dict[str, Any]:
    """A prediction as JSON; empty if it is not finite."""
    if isinstance(row, Scores):
        return {"label": predictor.trained.classes[row.label], "probability": row.probability}
    return {} if row is None else {"value": row}


def _agree(live: dict[str, Any], shadow: dict[str, Any]) -> bool:
    if "value" in live and "value" in shadow:
        return isclose(live["value"], shadow["value"], rel_tol=TOLERANCE)
    return bool(shadow) and live.get("label") == shadow.get("label")
