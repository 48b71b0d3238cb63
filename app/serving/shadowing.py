"""Predictions of a run in the shadow of another: made when the client has its answer, and compared with that.

Nothing of it reaches a client: neither an answer nor an error. Comparisons wait until no live prediction is being made,
and rest for long after each batch, so that fewer than one live request in a hundred arrives during one. Those for which
there is no room are dropped.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, isclose
from time import perf_counter
from typing import Any, NamedTuple

from numpy.typing import NDArray

from app.serving.batching import MOST
from app.serving.live_load import LiveLoad
from app.serving.model_cache import LoadedModels
from app.serving.predictor import Predictor
from app.serving.scores import Row, Scores
from app.serving.write_behind import WriteBehind
from app.storage.models import VersionKey
from app.storage.shadows import MOST_DIFFERENCES, Difference, Tally

PENDING, PENDING_INPUTS = 8, 10_000  # requests whose comparison has not ended, and their inputs; each one fits alone
REST, MOST_REST = 200, 1.0  # times the seconds of a comparison's batch, and seconds, until its next one
PAUSE = 3.0  # seconds between two tallies that are stored, since live predictions feel each for some milliseconds
TOLERANCE = 0.01  # of the larger of two values that agree


@dataclass(frozen=True)
class ShadowRun:
    """A run in the shadow of a model's version: its weights file, and its share of the requests."""

    version: VersionKey
    weights: str
    share: float


class Answered(NamedTuple):
    """A request that has been answered: its client's owner, the raw inputs (n, …), the predictions, and the seconds of
    their batches."""

    predictor: Predictor
    owner: str
    inputs: NDArray[Any]
    rows: Sequence[Row]
    seconds: float

    def batches(self) -> Iterator["Answered"]:
        """The request in parts of at most `MOST` inputs."""
        starts = range(0, len(self.inputs), MOST)
        for start in starts:
            part = slice(start, start + MOST)
            yield self._replace(inputs=self.inputs[part], rows=self.rows[part], seconds=self.seconds / len(starts))


class Shadows:
    """Comparisons in the background, which are added up in the database. Belongs to one event loop."""

    def __init__(
        self,
        models: LoadedModels,
        live: LiveLoad,
        written: WriteBehind[tuple[VersionKey, Tally]],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.models, self.live, self.written, self.clock = models, live, written, clock
        self.pending: deque[tuple[ShadowRun, Answered]] = deque()
        self.comparing: asyncio.Task[None] | None = None
        self.tallies: dict[VersionKey, Tally] = {}
        self.told = -inf  # when the last tallies were handed on

    def mirror(self, shadow: ShadowRun, answered: Answered) -> None:
        """Compare the shadow's predictions with those of an answer, for its share of the requests. A request for which
        there is no room is dropped, and counted."""
        if random.random() >= shadow.share:
            return
        count = len(answered.inputs)
        inputs = count + sum(len(other.inputs) for _, other in self.pending)
        if len(self.pending) >= PENDING or inputs > PENDING_INPUTS:
            self._tally(shadow.version).mirrored += count
            return
        self.pending.append((shadow, answered))
        if self.comparing is None:
            self.comparing = asyncio.create_task(self._compare_pending())

    async def _compare_pending(self) -> None:
        while self.pending:
            shadow, answered = self.pending[0]
            tally = await self._compared(shadow, answered)
            self._tally(shadow.version).add(tally)
            self.pending.popleft()
        self.comparing = None

    async def _compared(self, shadow: ShadowRun, answered: Answered) -> Tally:
        total = Tally()
        try:
            predictor = await self.models.get(shadow.weights)
            for part in answered.batches():
                await self.live.idle()  # later requests go first
                began = self.clock()
                rows = await predictor.predict_apart(part.inputs)
                total.add(compared(part, predictor, rows, self.clock() - began))
                await asyncio.sleep(min(MOST_REST, REST * (self.clock() - began)))
        except Exception:  # whatever it is, it is the shadow's alone
            return Tally(mirrored=len(answered.inputs), failed=len(answered.inputs))
        return total

    def _tally(self, version: VersionKey) -> Tally:
        """The tally that is handed on next."""
        if not self.tallies:
            loop = asyncio.get_running_loop()
            loop.call_later(max(0.0, self.told + PAUSE - loop.time()), self._hand_on)
        return self.tallies.setdefault(version, Tally())

    def _hand_on(self) -> None:
        self.told = asyncio.get_running_loop().time()
        self.written.add(*self.tallies.items())
        self.tallies = {}


def compared(answered: Answered, shadow: Predictor, rows: Sequence[Row], seconds: float) -> Tally:
    """The comparison of a shadow's predictions with those of an answer."""
    count = len(rows)
    tally = Tally(count, count, live_seconds=count * answered.seconds, shadow_seconds=count * seconds)
    for content, live, other in zip(answered.inputs, answered.rows, rows, strict=True):
        said, shadow_said = _said(answered.predictor, live), _said(shadow, other)
        if _agree(said, shadow_said):
            tally.agreed += 1
        elif len(tally.differences) < MOST_DIFFERENCES:
            own = content.copy()  # a part of the request would keep all of it in memory
            tally.differences.append(Difference(answered.owner, own, said, shadow_said))
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
