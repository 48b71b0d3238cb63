"""The job of a child process that trains several runs as one program.

Each run has its own attempt, fence, orders, record, checkpoints and result. An order, an error or a lost lease concerns
one run; the others take the same steps, bit for bit.
"""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch
from sqlalchemy.orm import Session

from app.datasets.import_options import ImportOptions
from app.learning.data import Data
from app.learning.ensemble.ensemble import Ensemble
from app.learning.ensemble.member import Member
from app.learning.ensemble.products import MEMBERS, Products, quicker
from app.learning.optimizers import Optimizer
from app.learning.recipe import Recipe
from app.storage.database import Database
from app.storage.files import Files
from app.storage.queue.claims import LeaseLost
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run
from worker import job_setup
from worker.job_setup import Prepared
from worker.protocol import Joining, Joins, MemberCommands
from worker.retry import write_with_retry
from worker.training_job import Attempt

CPU = torch.device("cpu")
LONGEST_WAIT = 2.0  # seconds until recorded points are written; people watch the curves grow


def main(
    job: dict[str, Any], database: Database, files: Files, orders: int, joins: int, *orders_of_companions: int
) -> None:
    """Train one attempt of each run until it ends or is interrupted."""
    members = map(Joining, job["members"], (orders, *orders_of_companions))
    StackedJob(job, database, files, Joins(joins)).train(list(members))


class Shared:
    """The common part of runs with one signature: their data, loaded once, and the quicker products by optimizer."""

    def __init__(self, members: int) -> None:
        self.members = members
        self.prepared: Prepared | None = None
        self.quicker: dict[type[Optimizer], Products] = {}

    def load(self, request: dict[str, Any], folder: str, files: Files, reading: ImportOptions) -> Prepared:
        """The data and its preprocessing, on the processor. Raises OSError."""
        if self.prepared is None:
            _, loaded = job_setup.load(request, folder, files, reading)
            data = loaded.data.on(CPU)
            data.device = CPU  # all members share it, also if it stays in its memory map
            self.prepared = replace(loaded, data=data)
        return self.prepared

    def products(self, recipe: Recipe, data: Data) -> Products:
        """The quicker products for members with such an optimizer."""
        kind = type(recipe.optimizer)
        if kind not in self.quicker:
            self.quicker[kind] = quicker(recipe, data, self.members)
        return self.quicker[kind]


class StackedAttempt(Attempt):
    """One attempt of a run that trains with others, or that has begun with others: `members` in all."""

    training: Member

    def __init__(
        self, job: dict[str, Any], database: Database, files: Files, shared: Shared, orders: int, members: int
    ) -> None:
        super().__init__(job, database, files)
        self.shared, self.orders = shared, MemberCommands(orders, job["lease_seconds"])
        self.share, self.members = 1 / members, members

    def _threads_for(self, request: dict[str, Any]) -> int:  # noqa: ARG002
        return 1

    def _prepare(self, run: Run, folder: str, reading: ImportOptions) -> tuple[Member, Prepared]:
        assert run.fault is None  # the trials of experiments with a mistake have no signature
        prepared = self.shared.load(run.request, folder, self.files, reading)
        recipe = Recipe.from_json(run.request, prepared.arrays.shape)
        products = self._products_of_earlier_attempts(run) or self.shared.products(recipe, prepared.data)
        self.program = {"program": {"members": self.members, "products": products}}
        return MEMBERS[products](recipe, prepared.data, CPU), prepared

    def _products_of_earlier_attempts(self, run: Run) -> Products | None:
        """The products that the run keeps, since its bits depend on them; None in its first attempt."""
        program = run.environment.get("program")
        if program is None:
            return None
        products: Products = program.get("products", "batched")  # older attempts had no choice
        return products


class StackedJob:
    """Runs that train as one program. Others may join as long as some train."""

    def __init__(self, job: dict[str, Any], database: Database, files: Files, joins: Joins) -> None:
        self.job, self.database, self.files, self.joins = job, database, files, joins
        capacity = max(job["stack_size"], len(job["members"]))
        self.shared, self.ensemble = Shared(capacity), Ensemble(capacity)
        self.attempts: dict[Member, StackedAttempt] = {}
        self.last_flush = time.monotonic()

    def train(self, first: list[Joining]) -> None:
        """Train all runs to their end."""
        self._join(first)
        while self.attempts or self._join_last():
            for taken in self.ensemble.step():
                if taken.error is not None:
                    self._drop(self.attempts[taken.member], taken.error)
                elif taken.step is not None:
                    self.attempts[taken.member].record(taken.step)
            self._flush(self._due())
            for attempt in list(self.attempts.values()):
                try:
                    self._after_step(attempt)
                except Exception as error:
                    self._drop(attempt, error)
            if self.joins.arrived:
                self._join([self.joins.arrived.popleft()])

    def _join(self, joining: list[Joining]) -> None:
        """Begin the attempts of runs."""
        members = len(self.attempts) + len(joining)
        for member, orders in joining:
            attempt = StackedAttempt(self.job | member, self.database, self.files, self.shared, orders, members)
            try:
                attempt.begin()
                self.ensemble.join(attempt.training)
                self.attempts[attempt.training] = attempt
            except Exception as error:
                self._drop(attempt, error)

    def _join_last(self) -> bool:
        """Begin the attempts that arrived while the others ended; True if there are any. No more can arrive."""
        if not self.joins.is_closed:
            self.joins.close()
        self._join(list(self.joins.arrived))
        self.joins.arrived.clear()
        return bool(self.attempts)

    def _after_step(self, attempt: StackedAttempt) -> None:
        """End the run after its last step, obey its orders, and keep its checkpoints. Raises LeaseLost."""
        if attempt.orders.has_ended:
            raise LeaseLost(attempt.run)
        if attempt.training.stop_reason is not None:
            attempt.finish()
            self._remove(attempt)
        elif attempt.orders.wanted is not None:
            attempt.leave()
            self._remove(attempt)
        elif attempt.is_at_rung:
            attempt.leave(run_claims.AT_RUNG)
            self._remove(attempt)
        else:
            attempt.keep_checkpoints()
            attempt.recorder.sample()

    def _due(self) -> list[StackedAttempt]:
        """The attempts whose recorded points are to be written: each after its first and last step, and all at
        intervals, which grow with their number, since so does the time to write."""
        attempts = list(self.attempts.values())
        interval: float = self.job["flush_seconds"]
        interval = max(interval, min(LONGEST_WAIT, interval * len(attempts)))
        if time.monotonic() - self.last_flush < interval:
            return [attempt for attempt in attempts if attempt.is_at_edge]
        self.last_flush = time.monotonic()
        return attempts

    def _flush(self, due: list[StackedAttempt]) -> None:
        """Write the recorded points of several runs in one transaction, each under its own fence."""
        lost: list[StackedAttempt] = []

        def write(db: Session) -> None:
            lost.clear()
            for attempt in due:
                try:
                    with db.begin_nested():
                        attempt.recorder.flush(db, attempt.run, attempt.attempt)
                except LeaseLost:
                    lost.append(attempt)

        if due:
            write_with_retry(self.database, write)
        for attempt in due:
            if attempt in lost:
                self._remove(attempt)
            else:
                attempt.flushed()

    def _drop(self, attempt: StackedAttempt, error: Exception) -> None:
        """Go on without a run whose lease is lost, or which an error ends as failed."""
        self._remove(attempt)
        if not isinstance(error, LeaseLost):
            with suppress(LeaseLost):
                attempt.fail(error)

    def _remove(self, attempt: StackedAttempt) -> None:
        """Go on without the run."""
        if not attempt.is_begun:
            return
        attempt.checkpoints.close()
        self.attempts.pop(attempt.training, None)
        if attempt.training in self.ensemble.members:
            self.ensemble.leave(attempt.training)
