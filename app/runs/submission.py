"""Submission of one run, or of several runs on one dataset: all or none."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from app.runs.limits import limited, refuse_jobs
from app.runs.requests import RunRequest
from app.runs.resolution import environment, resolve
from app.runs.stacking import stack_signature
from app.runs.views import RunView, view, views
from app.storage import datasets, idempotency, runs
from app.storage.database import Database
from app.storage.files import Files


@dataclass(frozen=True)
class NewRun:
    """A run to be created; `fault` is injected on purpose, in a trial of an experiment."""

    request: RunRequest
    fault: str | None = None


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
    resolved = [resolve(run.request, dataset, files, keep_split=True) for run in new]
    environments = [environment(dataset, request, files) for request, _ in resolved]
    bounded = [(limited(request, database.caller.limits), warnings) for request, warnings in resolved]
    shape = tuple(dataset.about["shape"])
    with database.write() as db:
        refuse_jobs(db, len(new))
        datasets.get_for_share(db, dataset.id)
        rows = [
            runs.create(
                db,
                request=request,
                warnings=warnings,
                fault=run.fault,
                stack=stack_signature(request, shape) if run.fault is None else None,
                task=dataset.about["task"],
                environment=known,
            )
            for run, (request, warnings), known in zip(new, bounded, environments, strict=True)
        ]
        if key is not None:
            idempotency.remember(db, key, digest, run=rows[0].id)
        return views(db, rows)


def fingerprint(request: BaseModel) -> str:
    """The SHA-256 of a request, which shows if a repeated Idempotency-Key has the same request."""
    return fingerprint_of_text(request.model_dump_json())


def fingerprint_of_text(text: str) -> str:
    """The SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
