"""The job of a child process that trains several runs as one program.

Each run has its own attempt, fence, orders, record, checkpoints and result. An order, an error or a lost lease concerns
one run; the others take the same steps, bit for bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import torch
from sqlalchemy.orm import Session

from app.datasets.import_options import ImportOptions
from app.learning.ensemble.ensemble import Ensemble
from app.learning.ensemble.member import Member
from app.learning.recipe import Recipe
from app.storage.database import Database
from app.storage.files import Files
from app.storage.queue.claims import LeaseLost
from worker import job_setup
from worker.job_setup import Prepared
from worker.protocol import CommandsOfAll
from worker.retry import write_with_retry
from worker.training_job import Attempt

CPU = torch.device("cpu")


def main(job: dict[str, Any], database: Database, files: Files, *descriptors: int) -> None:
    """Train one attempt of each run until it ends or is interrupted."""
    orders, data = CommandsOfAll(descriptors, job["lease_seconds"]), SharedData()
    attempts = [StackedAttempt(job | member, database, files, data, len(descriptors)) for member in job["members"]]
    StackedJob(database, attempts, orders).train()


class SharedData:
    """The data of all members, loaded once: runs with one signature have the same."""

    def __init__(self) -> None:
        self.prepared: Prepared | None = None

    def load(self, request: dict[str, Any], folder: str, files: Files, reading: ImportOptions) -> Prepared:
        """The data and its preprocessing, on the processor. Raises OSError."""
        if self.prepared is None:
            _, loaded = job_setup.load(request, folder, files, reading)
            self.prepared = replace(loaded, data=loaded.data.on(CPU))
        return self.prepared


class StackedAttempt(Attempt):
    """One attempt of a run that trains with others, or that has begun with others."""

    training: Member

    def __init__(self, job: dict[str, Any], database: Database, files: Files, data: SharedData, members: int) -> None:
        super().__init__(job, database, files)
        self.data, self.share = data, 1 / members
        self.program = {"program": {"members": members}}

    def _threads_for(self, request: dict[str, Any]) -> int:  # noqa: ARG002
        return 1

    def _prepare(
        self, request: dict[str, Any], folder: str, fault: str | None, reading: ImportOptions
    ) -> tuple[Member, Prepared]:
        assert fault is None  # the trials of experiments with a mistake have no signature
        prepared = self.data.load(request, folder, self.files, reading)
        recipe = Recipe.from_json(request, prepared.arrays.shape)
        return Member(recipe, prepared.data, CPU), prepared


class StackedJob:
    """Runs that train as one program, with the places of their orders."""

    def __init__(self, database: Database, attempts: list[StackedAttempt], orders: CommandsOfAll) -> None:
        self.database, self.attempts, self.orders = database, attempts, orders
        self.places = {attempt: place for place, attempt in enumerate(attempts)}
        self.ensemble = Ensemble(len(attempts))

    def train(self) -> None:
        """Train all runs to their end."""
        for attempt in list(self.attempts):
            with self._alone(attempt):
                attempt.begin()
                self.ensemble.join(attempt.training)
        attempt_of = {attempt.training: attempt for attempt in self.attempts}
        while self.attempts:
            for taken in self.ensemble.step():
                with self._alone(attempt_of[taken.member]):
                    if taken.error is not None:
                        raise taken.error
                    assert taken.step is not None
                    attempt_of[taken.member].recorder.add(taken.step)
            self._flush([attempt for attempt in self.attempts if attempt.is_due()])
            for attempt in list(self.attempts):
                with self._alone(attempt):
                    self._after_step(attempt)

    def _after_step(self, attempt: StackedAttempt) -> None:
        """End the run after its last step, obey its orders, and keep its checkpoints. Raises LeaseLost."""
        place = self.places[attempt]
        if place in self.orders.left:
            raise LeaseLost(attempt.run)
        if attempt.training.stop_reason is not None:
            attempt.finish()
            self._remove(attempt)
        elif self.orders.each[place].wanted is not None:
            attempt.leave()
            self._remove(attempt)
        else:
            attempt.keep_checkpoints()
            attempt.recorder.sample()

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

    @contextmanager
    def _alone(self, attempt: StackedAttempt) -> Iterator[None]:
        """Context whose errors end one run and leave the others alone."""
        try:
            yield
        except LeaseLost:
            self._remove(attempt)
        except Exception as error:
            self._remove(attempt)
            with suppress(LeaseLost):
                attempt.fail(error)

    def _remove(self, attempt: StackedAttempt) -> None:
        self.attempts.remove(attempt)
        if attempt.is_begun:
            attempt.checkpoints.close()
            if attempt.training in self.ensemble.members:
                self.ensemble.leave(attempt.training)
