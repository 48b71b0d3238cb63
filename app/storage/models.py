"""Models: names that point at trained runs, and can be pointed at other runs and back.

A name is a list of versions. The newest one counts; the older ones are its history. Each owner has its own names; where
no owner is given, a name means the caller's, or else a common one. A name that is seen predicts, whoever owns its runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, SQLColumnExpression, Text, cast, delete, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from app.access import NO_OWNER
from app.constants import DELETED
from app.errors import Conflict, NotFound
from app.storage.audit import Action, record
from app.storage.database import database_now
from app.storage.datasets import advisory_lock
from app.storage.runs import Weights, status_phrase
from app.storage.signatures import Signature
from app.storage.tables import Dataset, ModelVersion, OfVersion, Prediction, Run
from app.storage.visibility import EVERYONES, UNSYNCHRONIZED, caller_of, require_own

DEFAULT = "default"  # the name that /predict uses by default


class VersionKey(NamedTuple):
    """A version of a model."""

    owner: str
    model: str
    version: int


@dataclass(frozen=True)
class Shadow:
    """A run that predicts, for comparison only, a share of what clients send."""

    run: str
    share: float


@dataclass(frozen=True)
class Target:
    """The runs that a name is to point at: shares of the requests by run, which sum to 1, and a run in their shadow.

    `log` is the share of the requests whose predictions are logged.
    """

    shares: Mapping[str, float]
    shadow: Shadow | None = None
    log: float | None = None

    @property
    def run(self) -> str:
        """The run with the largest share."""
        return max(self.shares, key=self.shares.__getitem__)

    def version(self, owner: str, model: str) -> ModelVersion:
        """A row for it."""
        split = dict(self.shares) if len(self.shares) > 1 else None
        shadow = {"run": self.shadow.run, "share": self.shadow.share} if self.shadow else None
        return ModelVersion(owner=owner, model=model, run=self.run, split=split, shadow=shadow, log=self.log)


def own(db: Session, model: str, owner: str | None = None) -> ModelVersion:
    """The newest version of the owner's name, by default the caller's; others that change it wait for this transaction.

    Raises NotFound.
    """
    _lock(db, model)
    return history(db, model, caller_of(db).owner if owner is None else owner)[0]


def point(
    db: Session, model: str, target: Target, owner: str | None = None, *, force: bool = False
) -> list[ModelVersion]:
    """Point the owner's name, by default the caller's, at its runs; returns its versions, newest first. The same runs
    again change nothing.

    Raises NotFound, Forbidden for another owner, and Conflict for a run without weights. Unless it is forced, also for
    a run that diverged, and for one with other classes or inputs than the runs before it.
    """
    owner = caller_of(db).owner if owner is None else owner
    new = target.version(owner, model)
    require_own(db, new)
    _lock(db, model)
    runs = {id: _predicting(db, id) for id in sorted(new.runs)}  # in one order, since each is locked
    versions = _versions(db, model, owner)
    if not force:
        named = versions[0].run if versions else new.run
        before = db.execute(select(Run).where(Run.id == named), execution_options=EVERYONES).scalar_one()
        for run in runs.values():
            _refuse_diverged(run)
            _refuse_other_kind(db, run, before)
    return _append(db, versions, new)


def roll_back(db: Session, model: str, version: int | None, owner: str | None = None) -> list[ModelVersion]:
    """Point the name at the runs of an earlier version, by default the one before the newest; returns its versions.

    Raises NotFound for an unknown name or version, Forbidden for another owner's, and Conflict if there is only one.
    """
    _lock(db, model)
    versions = history(db, model, owner)
    require_own(db, versions[0])
    if version is None and len(versions) == 1:
        raise Conflict("no_earlier_version", model=model)
    earlier = versions[1] if version is None else _numbered(versions, str(version))
    again = {"run": earlier.run, "split": earlier.split, "shadow": earlier.shadow, "log": earlier.log}
    return _append(db, versions, ModelVersion(owner=earlier.owner, model=model, **again))


def _lock(db: Session, model: str) -> None:
    """Make other requests that change the name wait until this transaction ends."""
    advisory_lock(db, f"model {model}")


def _append(db: Session, versions: list[ModelVersion], new: ModelVersion) -> list[ModelVersion]:
    """The versions with a further one, unless it is equal to the newest."""
    if versions and versions[0].is_like(new):
        return versions
    new.version = versions[0].version + 1 if versions else 1
    new.created_at = db.execute(select(database_now())).scalar_one()
    db.add(new)
    db.flush()
    record(db, Action.MODEL_POINT, new.model)
    return [new, *versions]


def _predicting(db: Session, id: str) -> Run:
    """The run, which cannot be deleted before this transaction ends. Raises NotFound, and Conflict without weights."""
    run = db.scalars(select(Run).where(Run.id == id).with_for_update(read=True)).one_or_none()
    if run is None or run.status == DELETED:
        raise NotFound("no_such_run", run=id)
    if run.weights is None:
        raise Conflict("model_needs_weights", status=run.status, phrase=status_phrase(run.status))
    return run


def _refuse_diverged(run: Run) -> None:
    if run.stop_reason == "diverged" or _has_no_number(run.metrics):
        raise Conflict("model_of_diverged_run", run=run.id)


def _refuse_other_kind(db: Session, run: Run, before: Run) -> None:
    """Raise Conflict if clients of one run would not understand the answers of the other, or be refused by it."""
    both = select(Dataset).where(Dataset.id.in_((run.dataset, before.dataset)))  # datasets outlive their runs
    about = {dataset.id: dataset.about for dataset in db.scalars(both, execution_options=EVERYONES)}
    own, wanted = Signature.of(about[run.dataset]), Signature.of(about[before.dataset])
    if (own.task, own.shape) != (wanted.task, wanted.shape):
        shapes = {"given": own.shape, "wanted": wanted.shape}
        raise Conflict("model_inputs_differ", run=run.id, task=own.task, wanted_task=wanted.task, **shapes)
    if features := own.differing_features(wanted):
        raise Conflict("model_columns_differ", run=run.id, **features)
    if set(own.classes) != set(wanted.classes):
        raise Conflict("model_classes_differ", run=run.id, given=own.classes, wanted=wanted.classes)


def history(db: Session, model: str, owner: str | None = None) -> list[ModelVersion]:
    """Versions of the name, newest first. Raises NotFound, listing the names that exist."""
    versions = _versions(db, model, owner)
    if not versions:
        raise NotFound("no_such_model", model=model, models=[version.model for version in current(db)])
    return versions


def current(db: Session, owner: str | None = None) -> list[ModelVersion]:
    """The newest version of each name, sorted by name."""
    newer = aliased(ModelVersion)
    same = (newer.model == ModelVersion.model, newer.owner == ModelVersion.owner)
    newest = select(func.max(newer.version)).where(*same).scalar_subquery()
    query = select(ModelVersion).where(ModelVersion.version == newest)
    if owner is not None:
        query = query.where(ModelVersion.owner == owner)
    return list(db.scalars(query.order_by(ModelVersion.model, ModelVersion.owner)))


def version_of(db: Session, model: str) -> ModelVersion:
    """The newest version of a name, or that of `name@version`. Raises NotFound."""
    name, at, wanted = model.partition("@")
    versions = history(db, name)
    return _numbered(versions, wanted) if at else versions[0]


def _numbered(versions: list[ModelVersion], wanted: str) -> ModelVersion:
    for version in versions:
        if str(version.version) == wanted:
            return version
    raise NotFound("no_such_model_version", model=versions[0].model, version=wanted, newest=versions[0].version)


def weights(db: Session, version: ModelVersion) -> dict[str, Weights]:
    """The weights of the runs that a version names, by run."""
    named = select(Run.id, Run.status, Run.weights).where(Run.id.in_(version.runs))
    found = [Weights(*row) for row in db.execute(named, execution_options=EVERYONES)]  # such runs are not deleted
    return {weights.id: weights for weights in found}


def default(db: Session) -> ModelVersion | None:
    """The newest version of the model called `default`; None if there is no such name."""
    return next(iter(_versions(db, DEFAULT)), None)


def key_of(version: ModelVersion) -> VersionKey:
    """The key of a version."""
    return VersionKey(version.owner, version.model, version.version)


def refuse_other(db: Session, model: str, run: str) -> None:
    """Raise Conflict if the name has never pointed at the run, or if that version of `name@version` does not."""
    versions = [version_of(db, model)] if "@" in model else history(db, model)
    if not any(run in version.runs for version in versions):
        raise Conflict("run_not_of_model", model=model, run=run)


def has_run(run: SQLColumnExpression[str]) -> ColumnElement[bool]:
    """True if a version names the run: as its main one, in its split or in its shadow.

    A split and a shadow are JSON, and an id stands in no other text.
    """
    texts = (cast(ModelVersion.split, Text), cast(ModelVersion.shadow, Text))
    return or_(ModelVersion.run == run, *(text.contains(run) for text in texts))


def refuse_used(db: Session, run: str) -> None:
    """Raise Conflict if a name points at the run, or did: a history leads back only to runs that exist."""
    versions = db.scalars(select(ModelVersion).where(has_run(literal(run))), execution_options=EVERYONES)
    if names := sorted({version.model for version in versions if run in version.runs}):
        raise Conflict("run_serves_model", models=names)


def refuse_dangling(db: Session) -> None:
    """Raise Conflict if a name points at a run that is deleted in this transaction: it was pointed there just now."""
    deleted = select(ModelVersion.model).join(Run, has_run(Run.id)).where(Run.status == DELETED)
    if names := list(db.scalars(deleted.distinct().order_by(ModelVersion.model), execution_options=EVERYONES)):
        raise Conflict("run_serves_model", models=names)


def forget(db: Session, model: str, owner: str | None = None) -> None:
    """Delete the name with its history; the runs stay. Raises NotFound, and Forbidden for another owner's."""
    newest = history(db, model, owner)[0]
    require_own(db, newest)
    record(db, Action.MODEL_DELETE, model)
    db.execute(delete(ModelVersion).where(ModelVersion.model == model, ModelVersion.owner == newest.owner))
    logged = delete(Prediction).where(Prediction.model == model, Prediction.model_owner == newest.owner)
    db.execute(logged, execution_options=EVERYONES | UNSYNCHRONIZED)  # whoever has asked
    for table in OfVersion.__subclasses__():
        db.execute(delete(table).where(table.model == model, table.owner == newest.owner))


def _has_no_number(metrics: dict[str, Any]) -> bool:
    """True if a metric is NaN or infinite, which JSON has as a string."""
    return any(isinstance(value, str) for part in metrics.values() for value in (part or {}).values())


def _versions(db: Session, model: str, owner: str | None = None) -> list[ModelVersion]:
    """Versions of the owner's name; without an owner, of the caller's, or else of a common one."""
    owners = [caller_of(db).owner, NO_OWNER] if owner is None else [owner]
    query = select(ModelVersion).where(ModelVersion.model == model, ModelVersion.owner.in_(owners))
    versions = list(db.scalars(query.order_by(ModelVersion.version.desc())))
    meant = next((name for name in owners if any(version.owner == name for version in versions)), None)
    return [version for version in versions if version.owner == meant]
