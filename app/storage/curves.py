"""Curves: the points of every step, packed into chunks as they are recorded, and read in pages."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby

import numpy as np
from sqlalchemy import ColumnElement, Tuple, func, insert, not_, select, true, tuple_
from sqlalchemy.orm import Session

from app.storage.series import Series, join
from app.storage.tables import CurveBlock, CurveChunk

PAGE = 64  # chunks per page: a worker writes about two a second
LAST_STEP = 10**9  # no run takes more
POINT_BYTES = 17  # a step, a value, and the point's share of the pyramid
# The prefix of series of diagnostics, such as `layer.0.gradient_norm`: many, of few points, not part of the curve.
DIAGNOSTICS = "layer."
OF_DIAGNOSTICS = CurveChunk.series.startswith(DIAGNOSTICS)

Points = Mapping[str, tuple[Sequence[int], Sequence[float]]]  # steps and values by series
# Begins a transaction that reads. Where there may be many rows, each page has its own: a slow reader blocks no writer.
Read = Callable[[], AbstractContextManager[Session]]


def append(db: Session, run: str, points: Points) -> None:
    """Append steps and values to each series, in one statement; the transaction must hold the run's fence."""
    chunks = [
        {
            "run": run,
            "series": series,
            "first_step": steps[0],
            "last_step": steps[-1],
            "steps": np.asarray(steps, "<i8").tobytes(),
            "values": np.asarray(values, "<f8").tobytes(),
        }
        for series, (steps, values) in points.items()
    ]
    if chunks:
        db.connection().execute(insert(CurveChunk), chunks)  # the ORM would add time and nothing else


def last_steps(db: Session, run: str, diagnostics: bool = False) -> dict[str, int]:
    """The last recorded step of each series of the curve, or of the diagnostics, by name.

    One look into the index for each name and each last chunk, however many chunks there are.
    """
    names = select(func.min(CurveChunk.series).label("series")).where(CurveChunk.run == run).cte(recursive=True)
    after = select(func.min(CurveChunk.series)).where(CurveChunk.run == run, CurveChunk.series > names.c.series)
    names = names.union_all(select(after.scalar_subquery()).where(names.c.series.is_not(None)))
    of_diagnostics = names.c.series.startswith(DIAGNOSTICS)
    chunks = select(CurveChunk.last_step).where(CurveChunk.run == run, CurveChunk.series == names.c.series)
    last = chunks.order_by(CurveChunk.first_step.desc()).limit(1).scalar_subquery()
    wanted = of_diagnostics if diagnostics else not_(of_diagnostics)
    query = select(names.c.series, last).where(names.c.series.is_not(None), wanted).order_by(names.c.series)
    return {series: step for series, step in db.execute(query)}


def last_step(db: Session, run: str, series: str) -> int:
    """The last recorded step of a series; 0 if it has no point."""
    chunks = select(CurveChunk.last_step).where(CurveChunk.run == run, CurveChunk.series == series)
    return db.execute(chunks.order_by(CurveChunk.first_step.desc()).limit(1)).scalar() or 0


def diagnostics(db: Session, run: str) -> dict[str, Series]:
    """Series of the diagnostics by name: some dozens of samples each."""
    query = select(CurveChunk.series, CurveChunk.steps, CurveChunk.values).where(CurveChunk.run == run, OF_DIAGNOSTICS)
    pieces: dict[str, list[Series]] = {}
    for name, steps, values in db.execute(query.order_by(CurveChunk.series, CurveChunk.first_step)):
        pieces.setdefault(name, []).append(_unpacked(steps, values))
    return {name: join(chunks) for name, chunks in pieces.items()}


def of_runs(db: Session, runs: Collection[str], series: Collection[str]) -> dict[str, dict[str, Series]]:
    """These series of several short runs, by run and name, in one query."""
    chunks = select(CurveChunk.run, CurveChunk.series, CurveChunk.steps, CurveChunk.values)
    chosen = chunks.where(CurveChunk.run.in_(runs), CurveChunk.series.in_(series))
    pieces: dict[str, dict[str, list[Series]]] = {}
    for run, name, steps, values in db.execute(
        chosen.order_by(CurveChunk.run, CurveChunk.series, CurveChunk.first_step)
    ):
        pieces.setdefault(run, {}).setdefault(name, []).append(_unpacked(steps, values))
    return {run: {name: join(parts) for name, parts in by_name.items()} for run, by_name in pieces.items()}


def page(db: Session, run: str, series: str, from_step: int = 1, to_step: int = LAST_STEP) -> Series:
    """The first points of a part of a series: a few chunks, however long the series is."""
    of_series = CurveChunk.run == run, CurveChunk.series == series
    begun = select(func.max(CurveChunk.first_step)).where(*of_series, CurveChunk.first_step <= from_step)
    within = CurveChunk.first_step >= func.coalesce(begun.scalar_subquery(), 0), CurveChunk.first_step <= to_step
    query = select(CurveChunk.steps, CurveChunk.values).where(*of_series, *within)
    chunks = db.execute(query.order_by(CurveChunk.first_step).limit(PAGE))
    return join(_unpacked(steps, values) for steps, values in chunks).between(from_step, to_step)


def _unpacked(steps: bytes, values: bytes) -> Series:
    return Series(np.frombuffer(steps, "<i8"), np.frombuffer(values, "<f8"))


def pages(read: Read, run: str, series: str, from_step: int = 1, to_step: int = LAST_STEP) -> Iterator[Series]:
    """A part of a series, or all of it, in pages."""
    while from_step <= to_step:
        with read() as db:
            points = page(db, run, series, from_step, to_step)
        if not len(points.steps):
            return
        yield points
        from_step = int(points.steps[-1]) + 1


def all_pages(read: Read, run: str) -> Iterator[tuple[str, Series]]:
    """All series of a run, those of the diagnostics too, by name and in pages."""
    place = tuple_(CurveChunk.series, CurveChunk.first_step)
    columns = CurveChunk.series, CurveChunk.first_step, CurveChunk.steps, CurveChunk.values
    query = select(*columns).where(CurveChunk.run == run).order_by(*place.clauses).limit(PAGE)
    after: ColumnElement[bool] = true()
    while True:
        with read() as db:
            chunks = db.execute(query.where(after)).all()
        for name, of_series in groupby(chunks, key=lambda chunk: chunk.series):
            yield name, join(_unpacked(chunk.steps, chunk.values) for chunk in of_series)
        if len(chunks) < PAGE:
            return
        after = place > (chunks[-1].series, chunks[-1].first_step)


def delete_page(db: Session, run: str) -> int:
    """Delete a page of a run's chunks, or of its pyramid once no chunk is left; returns the number of rows."""
    chunks = tuple_(CurveChunk.series, CurveChunk.first_step)
    blocks = tuple_(CurveBlock.series, CurveBlock.level, CurveBlock.block)
    return _delete_first(db, CurveChunk, chunks, run) or _delete_first(db, CurveBlock, blocks, run)


def _delete_first(db: Session, table: type[CurveChunk | CurveBlock], key: Tuple, run: str) -> int:
    keys = [tuple(row) for row in db.execute(select(*key.clauses).where(table.run == run).limit(PAGE))]
    db.query(table).where(table.run == run, key.in_(keys)).delete(synchronize_session=False)
    return len(keys)
