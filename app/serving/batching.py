"""Micro-batching: the inputs that arrive in one turn of the event loop run as one batch.

A cheap batch runs at once, at the end of the turn. Any other runs in a thread, and those that arrive meanwhile are the
next batch. So nothing waits while the network is idle. If inputs of several requests wait, others are likely to have
arrived, too; then the batch begins a turn later, after the tasks of those.

Priorities are strict only for a while: a request that has waited for `PATIENCE` is overtaken by none, whatever its
priority. Then it still waits for those that are before it at that moment, but for none that comes later. So no request
starves under a steady load of others with a lower number.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from app import metrics
from app.errors import Overloaded
from app.serving.cost import CostLine
from app.serving.executor import run_network

MOST = 256  # inputs of a batch, since each needs memory
NORMAL = 2  # priority; a lower number goes first
MOST_WAIT = 1.0  # predicted seconds; a request that would wait longer is refused
PATIENCE = 2 * MOST_WAIT  # seconds; twice as long as any request waits that is not overtaken

Row = TypeVar("Row")
Inputs = NDArray[Any]
Results = list[Sequence[Row] | Exception]  # of the pieces of a batch


@dataclass(eq=False)
class Piece(Generic[Row]):
    """At most `MOST` inputs (n, …) of one request that arrived at a moment, and the rows that it waits for."""

    inputs: Inputs
    rows: "asyncio.Future[Sequence[Row]]"
    priority: int
    arrived: float
    started: bool = False
    seconds: float = 0.0  # of its batch

    def is_overtaken(self, priority: int, now: float) -> bool:
        """True if a request with this priority, which arrives now, goes first."""
        return priority < self.priority and now - self.arrived < PATIENCE


class Batched(NamedTuple, Generic[Row]):
    """Rows for the inputs of a request, and the seconds of the batches in which they were computed."""

    rows: Sequence[Row]
    seconds: float


class Batcher(Generic[Row]):
    """Batches of one network, one at a time. Belongs to one event loop.

    compute: rows for inputs (n, …), one each, with n ≤ `most`; may raise.
    is_cheap: true if a batch of n inputs may hold the event loop.
    execute: runs a function elsewhere, usually in a thread.
    clock: seconds, to measure batches. The time of an event loop may advance in whole milliseconds.
    """

    def __init__(
        self,
        compute: Callable[[Inputs], Sequence[Row]],
        is_cheap: Callable[[int], bool],
        execute: Callable[[Callable[[], "Results[Row]"]], Awaitable["Results[Row]"]] = run_network,
        most: int = MOST,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self.compute, self.is_cheap, self.execute, self.most = compute, is_cheap, execute, most
        self.clock = clock
        self.cost = CostLine()
        self.pieces: deque[Piece[Row]] = deque()
        self.waiting = 0  # inputs of pieces that have not started
        self.is_active = False  # a batch runs, or will at the end of this turn or the next
        self.has_yielded = False  # to the requests of another turn
        self.running: asyncio.Task[None] | None = None
        self.running_size, self.began = 0, 0.0

    async def run(self, inputs: Inputs, priority: int = NORMAL) -> Batched[Row]:
        """Rows for the inputs (n, …). If the caller is cancelled, inputs whose batch has not begun are never computed.

        Raises an error of `compute` only if it comes from these inputs.
        """
        arrived = self.clock()
        if len(inputs) <= self.most:
            return await self._piece(inputs, priority, arrived)
        rows: list[Row] = []
        seconds = 0.0
        for start in range(0, len(inputs), self.most):  # one after another, so that others come in between
            part = await self._piece(inputs[start : start + self.most], priority, arrived)
            rows += part.rows
            seconds += part.seconds
        return Batched(rows, seconds)

    def runs_at_once(self, size: int) -> bool:
        """True if further inputs would be computed at the end of this turn."""
        return not self.running_size and self.is_cheap(self.waiting + size)

    def admit(self, seconds: float | None = None, priority: int = NORMAL) -> None:
        """Raise Overloaded if a request would wait for over `MOST_WAIT`, or would not end within `seconds`.

        An idle network takes every request, so that a single slow batch does not shut it for good.
        """
        if not self.is_active:
            return
        wait = self.predicted_wait(priority)
        own = self.cost.predict(self.most)  # later requests may fill up its batch
        if wait > MOST_WAIT or (seconds is not None and wait + own > seconds):
            raise Overloaded(wait)

    def predicted_wait(self, priority: int = NORMAL) -> float:
        """Seconds until a batch with a further input of this priority could begin."""
        ahead, now = self.waiting, self.clock()
        for piece in reversed(self.pieces):
            if not piece.is_overtaken(priority, now):
                break
            ahead -= 0 if piece.rows.done() else len(piece.inputs)
        running = 0.0
        if self.running_size:
            elapsed = now - self.began
            running = max(0.0, self.cost.predict(self.running_size) - elapsed)
        return running + ahead // self.most * self.cost.predict(self.most)

    async def _piece(self, inputs: Inputs, priority: int, arrived: float) -> Batched[Row]:
        loop = asyncio.get_running_loop()
        piece: Piece[Row] = Piece(inputs, loop.create_future(), priority, arrived)
        self._enqueue(piece)
        self.waiting += len(inputs)
        if not self.is_active:
            self.is_active = True
            loop.call_soon(self._start)
        try:
            return Batched(await piece.rows, piece.seconds)
        except asyncio.CancelledError:
            if not piece.started:
                self.waiting -= len(inputs)
                metrics.dropped.inc(len(inputs))
            raise

    def _enqueue(self, piece: Piece[Row]) -> None:
        """Put a piece behind those that it does not overtake."""
        now, place = self.clock(), len(self.pieces)
        while place and self.pieces[place - 1].is_overtaken(piece.priority, now):
            place -= 1
        self.pieces.insert(place, piece)

    def _start(self) -> None:
        """Start the next batch, if anything waits; a turn later if several requests do."""
        loop = asyncio.get_running_loop()
        if len(self.pieces) > 1 and not self.has_yielded:
            self.has_yielded = True
            loop.call_soon(self._start)
            return
        self.has_yielded = False
        batch = self._take()
        if not batch:
            self.is_active = False
            return
        self.began, self.running_size = self.clock(), sum(len(piece.inputs) for piece in batch)
        if self.is_cheap(self.running_size):
            self._finish(batch, self._computed(batch))
        else:
            self.running = loop.create_task(self._run_elsewhere(batch))

    def _take(self) -> list[Piece[Row]]:
        """The pieces that have waited longest and fit into one batch, without those whose requests have ended."""
        batch: list[Piece[Row]] = []
        room = self.most
        while self.pieces:
            piece = self.pieces[0]
            if not piece.rows.done():
                if len(piece.inputs) > room:
                    break
                room -= len(piece.inputs)
                self.waiting -= len(piece.inputs)
                piece.started = True
                batch.append(piece)
            self.pieces.popleft()
        return batch

    async def _run_elsewhere(self, batch: list[Piece[Row]]) -> None:
        try:
            results = await self.execute(lambda: self._computed(batch))
        except Exception as error:  # no thread takes the batch
            results = [error] * len(batch)
        self._finish(batch, results)

    def _computed(self, batch: list[Piece[Row]]) -> "Results[Row]":
        """Rows for each piece, or its error. If the batch as a whole fails, each piece runs alone."""
        try:
            if len(batch) == 1:
                return [self.compute(batch[0].inputs)]
            rows = self.compute(np.concatenate([piece.inputs for piece in batch]))
        except Exception as error:
            if len(batch) == 1:
                return [error]
            return [result for piece in batch for result in self._computed([piece])]
        results: Results[Row] = []
        at = 0
        for piece in batch:
            results.append(rows[at : at + len(piece.inputs)])
            at += len(piece.inputs)
        return results

    def _finish(self, batch: list[Piece[Row]], results: "Results[Row]") -> None:
        loop = asyncio.get_running_loop()
        seconds = self.clock() - self.began
        self.cost.add(self.running_size, seconds)
        metrics.batch_size.observe(self.running_size)
        metrics.predict_seconds["compute"].observe(seconds)
        self.running_size = 0
        for piece, result in zip(batch, results, strict=True):
            piece.seconds = seconds
            if piece.rows.done():  # its request has ended meanwhile
                continue
            if isinstance(result, Exception):
                piece.rows.set_exception(result)
            else:
                piece.rows.set_result(result)
        loop.call_soon(self._start)  # also when nothing waits yet: it may by then
