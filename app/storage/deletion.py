"""Deleting a run: it is gone for readers at once; its rows and files follow in pieces, so that nobody waits for them.

A run may have millions of points. Between two pieces others have as long as the piece took; what a crash leaves behind
is deleted at the next start, or when the run is deleted once more.
"""

import time

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.storage import curves, models, runs
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.queue import leases
from app.storage.tables import DELETED, IdempotencyKey, Run

VACUUM_PAGES = 500  # given back to the disk at once: 2 MB


def delete_run(database: Database, files: Files, id: str) -> None:
    """Delete the run with its curve and files, or go on with that where it was interrupted.

    Raises NotFound, Conflict while it runs or a model is it, and OSError when its files cannot be deleted now.
    """
    with database.write() as db:
        if db.scalar(select(Run.status).where(Run.id == id)) != DELETED:
            _begin(db, id)
    _finish(database, files, id)


def _begin(db: Session, id: str) -> None:
    run = runs.get(db, id)
    gone = update(Run).where(Run.id == id, Run.status == run.status, ~leases.held(database_now()))
    if runs.rows(db, gone.values(status=DELETED)) != 1:
        raise Conflict(f"the run is running; POST /runs/{id}/cancel first")
    models.refuse_used(db, id)  # behind the update, which whoever points a name at the run has to wait for
    db.execute(delete(IdempotencyKey).where(IdempotencyKey.run == id))


def finish_deletions(database: Database, files: Files) -> None:
    """Delete what is left of runs whose deletion was interrupted. Raises OSError."""
    with database.read() as db:
        begun = list(db.scalars(select(Run.id).where(Run.status == DELETED)))
    for id in begun:
        _finish(database, files, id)


def _finish(database: Database, files: Files, id: str) -> None:
    files.delete_folder(f"runs/{id}")
    more = True
    while more:
        began = time.monotonic()
        with database.write() as db:
            more = curves.delete_page(db, id) > 0
        time.sleep(time.monotonic() - began)
    with database.write() as db:
        db.execute(delete(Run).where(Run.id == id))
    if database.is_sqlite:
        _give_back(database)


def _give_back(database: Database) -> None:
    """Hand SQLite's free pages back to the disk. Postgres does it by itself (autovacuum)."""
    connection = database.engine.raw_connection()
    sqlite = connection.driver_connection
    assert sqlite is not None
    try:
        free = sqlite.execute("PRAGMA freelist_count").fetchone()[0]
        while free:
            began, before = time.monotonic(), free
            sqlite.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")  # `execute` would stop after one page
            free = sqlite.execute("PRAGMA freelist_count").fetchone()[0]
            if free == before:
                return  # the file was made before this was switched on: its free pages are used again
            time.sleep(time.monotonic() - began)
    finally:
        connection.close()
