"""Deletion of runs: a run disappears for readers at once; its files and rows are then removed in pieces.

A run may have millions of points. After each piece the database is free for as long as the piece took. A deletion that
a crash interrupts is finished at the next start, or when the run is deleted once more.
"""

import time

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.errors import Conflict
from app.storage import curves, models, runs
from app.storage.database import Database, changed_rows, database_now
from app.storage.files import Files
from app.storage.queue.claims import run_claims
from app.storage.tables import IdempotencyKey, Run

VACUUM_PAGES = 500  # returned to the disk in one step: 2 MB


def delete_run(database: Database, files: Files, id: str) -> None:
    """Delete the run with its curve and files, or finish an interrupted deletion.

    Raises NotFound, Conflict while it runs or a model points at it, and OSError when its files cannot be deleted now.
    """
    with database.write() as db:
        if db.scalar(select(Run.status).where(Run.id == id)) != DELETED:
            _begin(db, id)
    _finish(database, files, id)


def _begin(db: Session, id: str) -> None:
    run = runs.get(db, id)
    idle = update(Run).where(Run.id == id, Run.status == run.status, ~run_claims.leased(database_now()))
    if changed_rows(db, idle.values(status=DELETED)) != 1:
        raise Conflict("run_is_running", run=id)
    models.refuse_used(db, id)  # after the update: a request that points a name at the run waits for its lock
    db.execute(delete(IdempotencyKey).where(IdempotencyKey.run == id))


def finish_deletions(database: Database, files: Files) -> None:
    """Finish deletions that were interrupted. Raises OSError."""
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
    """Return SQLite's free pages to the disk; Postgres has autovacuum."""
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
                return  # a file that was created without auto_vacuum keeps its free pages, for later rows
            time.sleep(time.monotonic() - began)
    finally:
        connection.close()
