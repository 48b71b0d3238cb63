"""Logged predictions: what a model was asked and said, and what people say is right."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray
from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, NotFound
from app.storage.database import Database, database_now
from app.storage.datasets import advisory_lock
from app.storage.models import VersionKey
from app.storage.packed_inputs import pack
from app.storage.paging import Page, fetch_newest
from app.storage.tables import Dataset, ModelVersion, Prediction, Run
from app.storage.visibility import EVERYONES, require_own

KEPT, KEPT_LABELLED = 1000, 10_000  # of a model: the newest
MOST_BYTES = 2**18  # of the inputs of a request that is logged


class Logged(NamedTuple):
    """A prediction to be stored; `owner` is that of the client who asked."""

    id: str
    owner: str
    version: VersionKey
    run: str
    content: NDArray[Any]
    label: str | None
    probability: float | None
    value: float | None


def store_predictions(database: Database, logged: Sequence[Logged]) -> None:
    """Store predictions, and delete the oldest ones of their models beyond the limits."""
    with database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        for item in logged:
            db.add(
                Prediction(
                    id=item.id,
                    owner=item.owner,
                    model_owner=item.version.owner,
                    model=item.version.model,
                    version=item.version.version,
                    run=item.run,
                    content=pack(item.content),
                    label=item.label,
                    probability=item.probability,
                    value=item.value,
                    created_at=now,
                )
            )
        db.flush()
        for owner, model in {(item.version.owner, item.version.model) for item in logged}:
            advisory_lock(db, f"predictions {owner} {model}")
            for is_labelled, kept in ((False, KEPT), (True, KEPT_LABELLED)):
                same = (
                    Prediction.model_owner == owner,
                    Prediction.model == model,
                    Prediction.labelled_at.is_not(None) if is_labelled else Prediction.labelled_at.is_(None),
                )
                newest = select(Prediction.id).where(*same).order_by(Prediction.id.desc()).limit(kept)
                db.execute(delete(Prediction).where(*same, Prediction.id.not_in(newest)))


def correct(db: Session, id: str, label: str | None, value: float | None) -> Prediction:
    """Say which class or value is right for a prediction. A later correction replaces an earlier one.

    Raises NotFound, Forbidden, Conflict for a label of a value or the reverse, and Invalid for an unknown class.
    """
    prediction = db.get(Prediction, id)
    if prediction is None:
        raise NotFound("no_such_prediction", prediction=id)
    require_own(db, prediction)
    if (prediction.label is None) != (label is None):
        raise Conflict("feedback_of_other_kind", wanted="value" if label is not None else "label")
    if label is not None:
        about = select(Dataset.about).join(Run, Run.dataset == Dataset.id).where(Run.id == prediction.run)
        known = db.execute(about, execution_options=EVERYONES).scalar_one_or_none() or {"classes": []}
        classes = [described["label"] for described in known["classes"]]
        if label not in classes:
            raise Invalid("no_such_class", "/label", label=label, classes=classes)
    prediction.true_label, prediction.true_value = label, value
    prediction.labelled_at = db.execute(select(database_now())).scalar_one()
    return prediction


def page(db: Session, version: ModelVersion, labelled: bool | None, limit: int, before: str | None) -> Page[Prediction]:
    """Up to `limit` predictions of the model that are older than `before`, newest first: those that the caller sees.

    Raises Invalid for a cursor of another list.
    """
    query = select(Prediction).where(*_of(version))
    if labelled is not None:
        is_open = Prediction.labelled_at.is_(None)
        query = query.where(~is_open if labelled else is_open)
    return fetch_newest(db, query, Prediction.id, "prd", limit, before)


class RunFeedback(NamedTuple):
    """Corrections of a run's predictions: how many were right, or the mean absolute error."""

    run: str
    logged: int
    labelled: int
    right: int
    error: float | None


def feedback(db: Session, version: ModelVersion) -> list[RunFeedback]:
    """Feedback on each run of the model, whoever has asked; runs in the order of their ids."""
    is_labelled = Prediction.labelled_at.is_not(None)
    is_right = case((Prediction.label == Prediction.true_label, 1), else_=0)
    columns = (
        func.count(),
        func.coalesce(func.sum(case((is_labelled, 1), else_=0)), 0),
        func.coalesce(func.sum(case((is_labelled, is_right), else_=0)), 0),
        func.avg(func.abs(Prediction.value - Prediction.true_value)),
    )
    query = select(Prediction.run, *columns).where(*_of(version)).group_by(Prediction.run).order_by(Prediction.run)
    return [RunFeedback(*row) for row in db.execute(query, execution_options=EVERYONES)]


def newest_contents(db: Session, version: ModelVersion, run: str, limit: int) -> list[bytes]:
    """The newest logged inputs of a run of the model: those that the caller sees."""
    query = select(Prediction.content).where(*_of(version), Prediction.run == run).order_by(Prediction.id.desc())
    return list(db.scalars(query.limit(limit)))


def corrected(db: Session, version: ModelVersion) -> list[Prediction]:
    """All predictions of the model with a correction that the caller sees, oldest first."""
    query = select(Prediction).where(*_of(version), Prediction.labelled_at.is_not(None))
    return list(db.scalars(query.order_by(Prediction.id)))


def _of(version: ModelVersion) -> tuple[Any, Any]:
    return Prediction.model_owner == version.owner, Prediction.model == version.model
