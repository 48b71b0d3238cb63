"""Health, readiness and workers."""

import secrets

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.access import ANONYMOUS
from app.api.deps import DatabaseDep, DatabaseFileDep, FilesDep, SettingsDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.operations import WorkerAnswer, WorkerList
from app.api.schemas.times import rfc3339
from app.api.scopes import OPEN, READ, CallerDep
from app.errors import NotReady
from app.os_errors import reason_of
from app.runs.queue import worker_views
from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database, database_now
from app.storage.database_file import DatabaseFile
from app.storage.files import Files
from app.storage.queue import workers

router = Router(tags=["operations"])


@router.get("/healthz", summary="Check that the process is alive", dependencies=[OPEN])
async def check_health() -> dict[str, str]:  # a coroutine: it must not wait for a free thread
    """Answer without looking at database or files. It needs no key and takes any host name."""
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Check that database, storage and migrations are ready",
    responses=problems(NotReady),
    dependencies=[OPEN],
)
def check_readiness(
    caller: CallerDep, database: DatabaseDep, database_file: DatabaseFileDep, files: FilesDep, settings: SettingsDep
) -> dict[str, str]:
    """503 says what is not ready. It takes any host name. If the service requires a key and none is sent, the answer is
    only whether it is ready.

    `workers` is `none` if no worker is alive: requests are answered, but runs, imports and batches wait until
    one starts."""
    try:
        parts = _ready_parts(database, database_file, files, settings)
    except NotReady:
        if caller is ANONYMOUS:
            raise NotReady("not_ready") from None
        raise
    return {"status": "ready"} | ({} if caller is ANONYMOUS else parts)


def _ready_parts(database: Database, database_file: DatabaseFile, files: Files, settings: Settings) -> dict[str, str]:
    """The parts of the service, all of which are ready, and whether a worker is alive. Raises NotReady."""
    if not database_file.is_in_place():
        raise NotReady("database_replaced")
    try:
        with database.read() as db:
            db.execute(text("SELECT 1"))
        if not migrate.is_current(database):
            raise NotReady("schema_outdated")
        with database.read() as db:
            has_workers = bool(workers.alive(db, database_now(), settings.lease_seconds))
    except SQLAlchemyError as error:
        raise NotReady("database_unready", reason=type(error).__name__) from error
    try:
        name = f"ready/{secrets.token_hex(4)}"
        files.write(name, b"ready")
        files.delete(name)
    except OSError as error:
        raise NotReady("storage_unready", reason=reason_of(error)) from error
    alive = "ok" if has_workers else "none"
    return {"database": "ok", "storage": "ok", "migrations": "ok", "workers": alive}


@router.get("/workers", summary="List the workers that are alive", dependencies=[READ])
def list_workers(database: DatabaseDep, settings: SettingsDep) -> WorkerList:
    """A worker without a heartbeat for `ANTIGRAD_LEASE_SECONDS` is left out; other workers may take over its runs."""
    with database.read() as db:
        return WorkerList(
            items=[
                WorkerAnswer(
                    id=view.worker.id,
                    device=view.device,
                    concurrency=view.worker.concurrency,
                    runs=[run.id for run in view.runs],
                    started_at=rfc3339(view.worker.started_at),
                    heartbeat_at=rfc3339(view.worker.heartbeat_at),
                )
                for view in worker_views(db, settings.lease_seconds)
            ]
        )
