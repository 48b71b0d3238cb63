"""Checkpoints of an attempt: written while the training continues, then named in the run's row. Old ones are thinned
out."""

import errno
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.learning import serialization
from app.learning.training import Checkpoint, Training
from app.storage import runs
from app.storage.database import database_now
from app.storage.files import Files, is_away
from app.storage.tables import CheckpointRow
from worker.job_setup import Prepared

KEPT = 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Written(NamedTuple):
    """A complete file and its size."""

    file: str
    bytes: int


@dataclass(frozen=True)
class Saving:
    """A checkpoint that is being written, with its step, epoch and metrics."""

    step: int
    epoch: int
    metrics: dict[str, object]
    written: Future[Written | None]


class Checkpoints:
    """Checkpoints of one training; at most one is being written."""

    def __init__(self, run: str, attempt: int, files: Files, training: Training, prepared: Prepared) -> None:
        self.run, self.attempt, self.files = run, attempt, files
        self.training, self.prepared = training, prepared
        self.writer = ThreadPoolExecutor(1, "checkpoints")
        self.writer.submit(int)  # start the thread now, not during the first checkpoint
        self.saving: Saving | None = None

    def begin(self, metrics: dict[str, object]) -> None:
        """Copy the training's current state, and write it in the background."""
        assert self.saving is None
        training, state = self.training, self.training.checkpoint()
        trained = self.prepared.trained(training.model, training.step)
        self.saving = Saving(training.step, training.epoch, metrics, self.writer.submit(self._write, state, trained))

    @property
    def is_written(self) -> bool:
        """True if a checkpoint has been written (or has failed) and is not committed yet."""
        return self.saving is not None and self.saving.written.done()

    def written(self) -> Written | None:
        """Wait for the file. None if the disk is full or the store unavailable, which is logged.

        Raises OSError if it cannot be written for another reason.
        """
        assert self.saving is not None
        return self.saving.written.result()

    def _write(self, state: Checkpoint, trained: serialization.Trained) -> Written | None:
        file = f"runs/{self.run}/{self.attempt}/checkpoint-{trained.step}.safetensors"
        content = serialization.checkpoint_to_safetensors(state, trained)
        try:
            self.files.write(file, content)
        except OSError as error:
            if error.errno not in FULL and not is_away(error):
                raise
            traceback.print_exc()
            return None
        return Written(file, len(content))

    def name(self, db: Session, written: Written) -> list[CheckpointRow]:
        """Add the checkpoint's row, in the transaction that updates the run; returns those whose files to delete.

        If there are more than 20 checkpoints, every second one is deleted, but never the first or the newest. So the
        remaining ones span the whole run.
        """
        saved = self.saving
        assert saved is not None
        row = CheckpointRow(run=self.run, step=saved.step, epoch=saved.epoch, metrics=saved.metrics)
        row.file, row.bytes = written
        row.created_at = database_now()
        db.merge(row)
        db.flush()
        existing = runs.checkpoints(db, self.run)
        if len(existing) <= KEPT:
            return []
        pruned = existing[1:-1:2]
        steps = [checkpoint.step for checkpoint in pruned]
        db.execute(delete(CheckpointRow).where(CheckpointRow.run == self.run, CheckpointRow.step.in_(steps)))
        return pruned

    def close(self) -> None:
        """End the thread that writes, after what it is writing."""
        self.writer.shutdown(wait=False)

    def named(self) -> None:
        """Forget the pending checkpoint, which is committed or could not be written."""
        self.saving = None
