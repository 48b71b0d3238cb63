"""Deletion of runs: a run disappears for readers at once; its files and rows are then removed in pieces.

A run may have millions of points. After each piece the database is free for as long as the piece took. A deletion that
a crash interrupts is finished at the next start, or when the run is deleted once more.
"""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.errors import Conflict
from app.storage import curves, models, runs
from app.storage.audit import Action, record
from app.storage.database import Database, changed_rows, database_now
from app.storage.files import Files
from app.storage.queue.run_claims import run_claims
from app.storage.tables import IdempotencyKey, Run
from app.storage.visibility import EVERYONES, UNSYNCHRONIZED, is_own, require_own

log = logging.getLogger("antigrad.storage")

SIZED = Run.id, func.coalesce(Run.bytes, 0)
VACUUM_PAGES = 500  # returned to the disk in one step: 2 MB


def delete_run(database: Database, files: Files, id: str) -> None:
    """Delete the run with its curve and files, or finish an interrupted deletion.

    Raises NotFound, Forbidden, Conflict while it runs or a model points at it, and OSError when its files cannot be
    deleted now.
    """
    with database.write() as db:
        run = db.get(Run, id)
        if run is None or run.status != DELETED:
            _begin_one(db, id)
        else:
            require_own(db, run)
    finish(database, files, [id])


def _begin_one(db: Session, id: str) -> None:
    run = runs.get_own(db, id)
    idle = update(Run).where(Run.id == id, Run.status == run.status, ~run_claims.leased(database_now()))
    if changed_rows(db, idle.values(status=DELETED)) != 1:
        raise Conflict("run_is_running", run=id)
    models.refuse_used(db, id)  # after the update: a request that points a name at the run waits for its lock
    record(db, Action.RUN_DELETE, id)
    _forget_keys(db)


def _forget_keys(db: Session) -> None:
    gone = select(Run.id).where(Run.status == DELETED)
    forgotten = delete(IdempotencyKey).where(IdempotencyKey.run.in_(gone))
    db.execute(forgotten, execution_options=EVERYONES | UNSYNCHRONIZED)


@dataclass(frozen=True)
class Deletion:
    """Ids of the deleted runs, newest first; their size; and the number of matching runs that are kept."""

    runs: list[str]
    bytes: int
    kept: int


def preview(db: Session, where: ColumnElement[bool]) -> Deletion:
    """The deletion of all matching runs, which is not made. Kept are those that train, and those that a model points
    at or did."""
    deletable = select(*SIZED).where(where, is_own(db, Run), _deletable())
    return _deletion(db.execute(deletable, execution_options=EVERYONES), _count(db, where))


def begin(db: Session, where: ColumnElement[bool], most: int | None = None) -> Deletion:
    """Hide the runs of `preview` from readers, or at most so many of them; `finish` removes their files and rows.

    Raises Conflict if a concurrent request has pointed a model at one of them.
    """
    matching = _count(db, where)
    deletable = and_(where, is_own(db, Run), _deletable())
    hidden = update(Run).where(deletable).values(status=DELETED).returning(*SIZED)
    if most is not None:
        hidden = hidden.where(Run.id.in_(select(Run.id).where(deletable).order_by(Run.id).limit(most)))
    deletion = _deletion(db.execute(hidden, execution_options=EVERYONES | UNSYNCHRONIZED), matching)
    models.refuse_dangling(db)
    record(db, Action.RUN_DELETE, *deletion.runs)
    _forget_keys(db)
    return deletion


def _deletable() -> ColumnElement[bool]:
    named = exists().where(models.has_run(Run.id))
    return and_(~run_claims.leased(database_now()), ~named)


def _count(db: Session, where: ColumnElement[bool]) -> int:
    return db.execute(select(func.count()).select_from(Run).where(where, is_own(db, Run))).scalar_one()


def _deletion(rows: Iterable[Any], matching: int) -> Deletion:
    sizes = dict(sorted((tuple(row) for row in rows), reverse=True))
    return Deletion(list(sizes), sum(sizes.values()), matching - len(sizes))


def finish_deletions(database: Database, files: Files) -> None:
    """Finish deletions that were interrupted. Raises OSError."""
    with database.read() as db:
        begun = list(db.scalars(select(Run.id).where(Run.status == DELETED)))
    finish(database, files, begun)


def finish(database: Database, files: Files, ids: Iterable[str]) -> None:
    """Remove files and rows of deleted runs. Raises OSError."""
    for id in ids:
        files.delete_folder(f"runs/{id}")
        _delete_rows(database, id)
    if database.is_sqlite:
        _give_back(database)


def finish_later(database: Database, files: Files, ids: Iterable[str]) -> None:
    """Like `finish`, but after the answer: what cannot be removed now is removed at the next start."""
    try:
        finish(database, files, ids)
    except (OSError, OperationalError) as error:
        log.warning("the files of deleted runs cannot be removed now: %s", error)


def _delete_rows(database: Database, id: str) -> None:
    more = True
    while more:
        began = time.monotonic()
        with database.write() as db:
            more = curves.delete_page(db, id) > 0
        time.sleep(time.monotonic() - began)
    with database.write() as db:
        db.execute(delete(Run).where(Run.id == id))


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
