"""Models: names that point at trained runs, and can be pointed at another run and back.

A name is a list of versions. The newest one counts; the older ones are its history.
"""

from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from app.constants import DELETED
from app.errors import Conflict, NotFound
from app.storage.database import database_now
from app.storage.runs import Weights, status_phrase
from app.storage.tables import ModelVersion, Run

DEFAULT = "default"  # the name that /predict uses by default


def point(db: Session, model: str, run_id: str) -> None:
    """Point the name at a run; the same run again changes nothing.

    Raises NotFound, and Conflict for a run without weights, for one that diverged, or if a concurrent request points
    the name.
    """
    run = db.scalars(select(Run).where(Run.id == run_id).with_for_update(read=True)).one_or_none()
    if run is None or run.status == DELETED:
        raise NotFound("no_such_run", run=run_id)
    if run.weights is None:
        raise Conflict("model_needs_weights", status=run.status, phrase=status_phrase(run.status))
    if run.stop_reason == "diverged" or _has_no_number(run.metrics):
        raise Conflict("model_of_diverged_run", run=run_id)
    versions = _versions(db, model)
    if versions and versions[0].run == run_id:
        return
    number = versions[0].version + 1 if versions else 1
    now = db.execute(select(database_now())).scalar_one()
    db.add(ModelVersion(model=model, version=number, run=run_id, created_at=now))
    try:
        db.flush()
    except IntegrityError as error:
        raise Conflict("model_race", model=model) from error


def history(db: Session, model: str) -> list[ModelVersion]:
    """Versions of the name, newest first. Raises NotFound, listing the names that exist."""
    versions = _versions(db, model)
    if not versions:
        raise NotFound("no_such_model", model=model, models=[version.model for version in current(db)])
    return versions


def current(db: Session) -> list[ModelVersion]:
    """The newest version of each name, sorted by name."""
    newer = aliased(ModelVersion)
    newest = select(func.max(newer.version)).where(newer.model == ModelVersion.model).scalar_subquery()
    return list(db.scalars(select(ModelVersion).where(ModelVersion.version == newest).order_by(ModelVersion.model)))


def weights(db: Session, model: str) -> Weights:
    """The weights of the run that the name points at. Raises NotFound."""
    run = db.get(Run, history(db, model)[0].run)
    assert run is not None, "a run that a name points at is not deleted"
    return Weights(run.id, run.status, run.weights)


def default_weights(db: Session) -> Weights | None:
    """The weights of the model called `default`; None if there is no such name."""
    return weights(db, DEFAULT) if _versions(db, DEFAULT) else None


def refuse_used(db: Session, run: str) -> None:
    """Raise Conflict if a name points at the run, or did: a history leads back only to runs that exist."""
    named = select(ModelVersion.model).where(ModelVersion.run == run).distinct().order_by(ModelVersion.model)
    if names := list(db.scalars(named)):
        raise Conflict("run_serves_model", models=names)


def forget(db: Session, model: str) -> None:
    """Delete the name with its history; the runs stay. Raises NotFound."""
    history(db, model)
    db.execute(delete(ModelVersion).where(ModelVersion.model == model))


def _has_no_number(metrics: dict[str, Any]) -> bool:
    """True if a metric is NaN or infinite, which JSON has as a string."""
    return any(isinstance(value, str) for part in metrics.values() for value in (part or {}).values())


def _versions(db: Session, model: str) -> list[ModelVersion]:
    query = select(ModelVersion).where(ModelVersion.model == model)
    return list(db.scalars(query.order_by(ModelVersion.version.desc())))
