"""The checkpoints of an attempt: saved beside, named in the row, and thinned out as they become many."""

import errno
import traceback
from dataclasses import dataclass

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.learning import export
from app.learning.training import Training
from app.storage import runs
from app.storage.database import database_now
from app.storage.files import Files, is_away
from app.storage.tables import CheckpointRow
from worker.preparation import Prepared

KEPT = 20
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class Checkpoints:
    """Those of one training."""

    run: str
    attempt: int
    files: Files
    training: Training
    prepared: Prepared

    def save(self) -> str | None:
        """Write the state as it is now and answer the file's name; None, and a word in the log, when the disk is full
        or the store away.

        Raises OSError when it cannot be written for another reason.
        """
        file = f"runs/{self.run}/{self.attempt}/checkpoint-{self.training.step}.safetensors"
        trained = self.prepared.trained(self.training.model, self.training.step)
        try:
            self.files.write(file, export.checkpoint_to_safetensors(self.training.checkpoint(), trained))
        except OSError as error:
            if error.errno not in FULL and not is_away(error):
                raise
            traceback.print_exc()
            return None
        return file

    def name(self, db: Session, file: str, metrics: dict[str, object]) -> list[str]:
        """Write the saved file's row, in the transaction that names it in the run's; answers the files to delete.

        Of more than 20 every second one goes, but never the first nor the newest: what is kept spans the whole run.
        """
        row = CheckpointRow(
            run=self.run, step=self.training.step, epoch=self.training.epoch, file=file, metrics=metrics
        )
        row.created_at = database_now()
        db.merge(row)
        db.flush()
        found = runs.checkpoints(db, self.run)
        if len(found) <= KEPT:
            return []
        pruned = found[1:-1:2]
        steps = [checkpoint.step for checkpoint in pruned]
        db.execute(delete(CheckpointRow).where(CheckpointRow.run == self.run, CheckpointRow.step.in_(steps)))
        return [checkpoint.file for checkpoint in pruned]
