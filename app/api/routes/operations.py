"""Health, readiness and workers."""

import secrets

from fastapi import APIRouter
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from app.api.deps import DatabaseDep, DatabaseFileDep, FilesDep, SettingsDep
from app.api.problems import problems
from app.api.schemas.operations import WorkerAnswer, WorkerList
from app.api.schemas.times import rfc3339
from app.constants import RunStatus
from app.errors import NotReady
from app.os_errors import reason_of
from app.storage import migrate
from app.storage.database import database_now
from app.storage.queue import workers
from app.storage.tables import Run

router = APIRouter(tags=["operations"])


@router.get("/healthz", summary="Check that the process is alive")
async def healthz() -> dict[str, str]:  # a coroutine: it must not wait for a free thread
    return {"status": "ok"}


@router.get("/readyz", summary="Check that database, storage and migrations are ready", responses=problems(NotReady))
def readyz(database: DatabaseDep, database_file: DatabaseFileDep, files: FilesDep) -> dict[str, str]:
    if not database_file.is_in_place():
        raise NotReady("database_replaced")
    try:
        with database.read() as db:
            db.execute(text("SELECT 1"))
        if not migrate.is_current(database):
            raise NotReady("schema_outdated")
    except SQLAlchemyError as error:
        raise NotReady("database_unready", reason=type(error).__name__) from error
    try:
        name = f"ready/{secrets.token_hex(4)}"
        files.write(name, b"ready")
        files.delete(name)
    except OSError as error:
        raise NotReady("storage_unready", reason=reason_of(error)) from error
    return {"status": "ready", "database": "ok", "storage": "ok", "migrations": "ok"}


@router.get("/workers", summary="List the workers that are alive")
def list_workers(database: DatabaseDep, settings: SettingsDep) -> WorkerList:
    """A worker without a heartbeat for `ANTIGRAD_LEASE_SECONDS` is left out; other workers may take over its runs."""
    with database.read() as db:
        running: dict[str | None, list[str]] = {}
        devices: dict[str | None, str | None] = {}
        held = select(Run.worker, Run.id, Run.device).where(Run.status == RunStatus.RUNNING)
        for worker, run, device in db.execute(held):
            running.setdefault(worker, []).append(run)
            devices[worker] = device
        return WorkerList(
            items=[
                WorkerAnswer(
                    id=worker.id,
                    device=devices.get(worker.id),
                    concurrency=worker.concurrency,
                    runs=running.get(worker.id, []),
                    started_at=rfc3339(worker.started_at),
                    heartbeat_at=rfc3339(worker.heartbeat_at),
                )
                for worker in workers.alive(db, database_now(), settings.lease_seconds)
            ]
        )
