"""Retention: runs, batches and sweeps that ended long ago are deleted from time to time, if the settings say so."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from app.errors import Conflict, NotFound
from app.storage import batches, deletion, runs, sweeps
from app.storage.database import Database, database_now
from app.storage.files import Files

log = logging.getLogger("antigrad.ops")

DAY = 86_400.0
PAUSE_SECONDS = 3600.0
AT_ONCE = 500  # runs that are hidden in one transaction


@asynccontextmanager
async def enforced(database: Database, files: Files, days: float | None) -> AsyncIterator[None]:
    """Context in which what has ended is deleted `days` after its end, checked every hour; never if it is None.

    Several processes may do so at once.
    """
    if days is None:
        yield
        return
    task = asyncio.create_task(_repeatedly(database, files, days), name="retention")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _repeatedly(database: Database, files: Files, days: float) -> None:
    while True:
        try:
            await run_in_threadpool(delete_expired, database, files, days)
        except (Conflict, OSError, SQLAlchemyError) as error:
            log.warning("what has expired cannot be deleted now: %s", error)
        await asyncio.sleep(PAUSE_SECONDS)


def delete_expired(database: Database, files: Files, days: float) -> None:
    """Delete the runs, batches and sweeps that ended so many days ago. Kept are the runs in the history of a model.

    Raises Conflict if a request has just pointed a model at one of the runs, and OSError.
    """
    _delete_batches(database, files, days)
    _delete_sweeps(database, days)
    while True:
        with database.write() as db:
            expired = deletion.begin(db, runs.matching(database_now(), ended_for=days * DAY), AT_ONCE)
        if not expired.runs:
            return
        log.info("deleted %d runs that ended over %g days ago", len(expired.runs), days)
        deletion.finish(database, files, expired.runs)


def _delete_batches(database: Database, files: Files, days: float) -> None:
    with database.read() as db:
        expired = batches.ended_for(db, database_now(), days * DAY)
    for id in expired:
        with suppress(NotFound), database.write() as db:  # another process may delete it at the same moment
            batches.delete(db, id)
            files.delete_folder(batches.folder(id))
    if expired:
        log.info("deleted %d batches that ended over %g days ago", len(expired), days)


def _delete_sweeps(database: Database, days: float) -> None:
    with database.read() as db:
        expired = sweeps.ended_for(db, database_now(), days * DAY)
    for id in expired:
        with suppress(NotFound, Conflict), database.write() as db:  # it may have been deleted or extended just now
            sweeps.delete(db, id)
    if expired:
        log.info("deleted %d sweeps that ended over %g days ago", len(expired), days)
