"""Trainings that succeeded last, and how long they took: of all owners, since they share the workers."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.storage.tables import Dataset, Run
from app.storage.visibility import EVERYONES

RECENT = 20
# The condition of `ix_runs_succeeded`. SQLite uses a partial index only if the values are written out.
_SUCCEEDED = Run.status == bindparam("succeeded", RunStatus.SUCCEEDED, literal_execute=True)


@dataclass(frozen=True)
class PastTraining:
    """Steps of a network through inputs of a shape, with the batch size of the request, and the seconds they took."""

    layers: list[dict[str, Any]]
    shape: tuple[int, ...]
    batch_size: int
    steps: int
    seconds: float


def recent_trainings(db: Session) -> list[PastTraining]:
    """The trainings that succeeded last on datasets that are still there, newest first."""
    columns = (Run.request, Run.environment, Run.progress, Dataset.about)
    recent = select(*columns).join(Dataset, Dataset.id == Run.dataset).where(_SUCCEEDED)
    rows = db.execute(recent.order_by(Run.finished_at.desc()).limit(RECENT), execution_options=EVERYONES).all()
    return [
        PastTraining(
            layers=request["model"]["layers"],
            shape=tuple(about["shape"]),
            batch_size=environment["examples"]["train"] if request["batch_size"] == "full" else request["batch_size"],
            steps=progress["step"],
            seconds=progress["seconds"],
        )
        for request, environment, progress, about in rows
        if progress.get("step") and progress.get("seconds")
    ]
