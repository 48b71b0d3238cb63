"""Submission of one run, or of several runs on one dataset: all or none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.access import Limits
from app.runs.limits import limited, refuse_jobs
from app.runs.requests import RunRequest
from app.runs.resolution import environment, resolve
from app.runs.stacking import stack_signature
from app.runs.views import RunView, view, views
from app.storage import datasets, idempotency, runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Dataset, Run


@dataclass(frozen=True)
class NewRun:
    """A run to be created; `fault` is injected on purpose, in a trial of an experiment. It pauses after
    `pause_epoch`, at a rung of its sweep."""

    request: RunRequest
    fault: str | None = None
    pause_epoch: int | None = None


@dataclass(frozen=True)
class Resolved:
    """A run to be created, with every default filled in."""

    run: NewRun
    request: dict[str, Any]
    warnings: list[dict[str, str]]
    environment: dict[str, Any]


@dataclass(frozen=True)
class Submission:
    """A submitted run; `is_new` is False if its Idempotency-Key had created it before."""

    view: RunView
    is_new: bool


def submit(
    database: Database, files: Files, request: RunRequest, key: str | None, digest: str | None = None
) -> Submission:
    """Queue a run unless this Idempotency-Key has created it already; `digest` is the request's fingerprint.

    Raises what `resolve` raises, and Invalid if the key was used for another request.
    """
    digest = digest or fingerprint(request)

    def find() -> Submission | None:
        if key is None:
            return None
        with database.read() as db:
            run = idempotency.run_made_by(db, key, digest)
            return None if run is None else Submission(view(db, run), is_new=False)

    def create() -> Submission:
        [created] = create_together(database, files, [NewRun(request)], key, digest)
        return Submission(created, is_new=True)

    return idempotency.once(find, create)


def create_together(
    database: Database, files: Files, new: Sequence[NewRun], key: str | None, digest: str
) -> list[RunView]:
    """Create runs on one dataset in one transaction. The key is bound to the first of them."""
    with database.read() as db:
        dataset = datasets.get(db, new[0].request.dataset)
    # Resolving reads and writes files, so it happens outside the transaction.
    resolved = resolved_runs(new, dataset, files, database.caller.limits)
    with database.write() as db:
        refuse_jobs(db, len(new))
        rows = insert(db, dataset, resolved)
        if key is not None:
            idempotency.remember(db, key, digest, run=rows[0].id)
        return views(db, rows)


def resolved_runs(new: Sequence[NewRun], dataset: Dataset, files: Files, limits: Limits) -> list[Resolved]:
    """Runs on a dataset with every default filled in; their split is stored. Raises what `resolve` and `limited`
    raise."""
    resolved = [(run, *resolve(run.request, dataset, files, keep_split=True)) for run in new]
    return [
        Resolved(run, limited(request, limits), warnings, environment(dataset, request, files))
        for run, request, warnings in resolved
    ]


def insert(db: Session, dataset: Dataset, resolved: Sequence[Resolved]) -> list[Run]:
    """Queue runs on a dataset. Raises NotFound if it has just been deleted."""
    datasets.get_for_share(db, dataset.id)
    shape = tuple(dataset.about["shape"])
    return [
        runs.create(
            db,
            request=new.request,
            warnings=new.warnings,
            fault=new.run.fault,
            stack=stack_signature(new.request, shape) if new.run.fault is None else None,
            pause_epoch=new.run.pause_epoch,
            task=dataset.about["task"],
            environment=new.environment,
        )
        for new in resolved
    ]


def fingerprint(request: BaseModel) -> str:
    """The SHA-256 of a request, which shows if a repeated Idempotency-Key has the same request."""
    return fingerprint_of_text(request.model_dump_json())


def fingerprint_of_text(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
