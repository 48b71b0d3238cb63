"""The pyramid of a curve: its series thinned in advance. Any part of the curve is drawn from a few rows.

Its levels are a series thinned to buckets of 2⁶, 2¹⁰, 2¹⁴ and 2¹⁸ steps (`app.storage.thinning`). A row is a block of
256 buckets. It is written in the transaction of the point that completes it, from the level below, and never changes.

A part of the curve comes from the blocks of the coarsest level that is fine enough. What these leave (the cut buckets
at both ends, and the last steps, whose block is not complete) comes from the level below, in the end from the points.
So a block that is missing costs time, never a point. Runs of older versions have none until their
curve is asked for.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.storage import curves
from app.storage.database import Database
from app.storage.series import Series, join
from app.storage.tables import CurveBlock, Run
from app.storage.thinning import level_for, maximum, thin

LEVELS = range(6, 19, 4)
BLOCK = 8  # a block has 2⁸ buckets
PAGE = 16  # blocks that are read, or built for an older run, in one transaction


def append(db: Session, run: str, points: curves.Points, recorded: dict[str, int]) -> None:
    """Append points to a curve and complete its pyramid; the transaction must hold the run's fence.

    `recorded` is the last step of each series so far.
    """
    curves.append(db, run, points)
    for series, (steps, _) in points.items():
        if not series.startswith(curves.DIAGNOSTICS):  # they are too short for a pyramid
            _complete(db, run, series, recorded.get(series, 0), steps[-1])


def thinned(
    database: Database, run: str, series: str, points: int, from_step: int = 1, to_step: int = curves.LAST_STEP
) -> Series:
    """A part of a series as at most `points` points. Memory and time grow with the points, not with the series.

    If it has more, it is thinned to the finest level with half as many buckets between `from_step` and the last step,
    of which those at the ends may be cut.
    """
    with database.read() as db:
        recorded = curves.last_step(db, run, series)
    last = min(to_step, recorded)
    if last - from_step >= points:
        first = from_step if from_step > 1 else 0  # no point has the step 0, so the first bucket is a whole one
        level = level_for(first, last, points // 2)
        if level >= LEVELS[0]:
            _build(database, run, series, recorded)
        kept = _thin(_cover(database.read, run, series, level, first, last), level)
        assert kept.stands_for is not None
        if kept.stands_for.sum() > points:
            return kept if points > 1 else maximum(kept)
    return join(curves.pages(database.read, run, series, from_step, last))


def _thin(pieces: Iterable[Series], level: int) -> Series:
    return thin(join(thin(piece, level) for piece in pieces), level)


def _cover(read: curves.Read, run: str, series: str, level: int, first: int, last: int) -> Iterator[Series]:
    """Pieces of a part of a series, none coarser than the level: thinned to it, they give what all points give."""
    stored = [each for each in LEVELS if each <= level]
    if not stored:
        yield from curves.pages(read, run, series, first, last)
        return
    level, below = stored[-1], stored[-1] - 1
    rest = first
    for block, points in _blocks(read, run, series, level, first, last):
        start, stop = max(first, block << level + BLOCK), min(last + 1, block + 1 << level + BLOCK)
        start, stop = -(-start >> level) << level, stop >> level << level  # the whole buckets
        if start < stop:
            if rest < start:
                yield from _cover(read, run, series, below, rest, start - 1)
            yield points.between(start, stop - 1)
            rest = stop
    if rest <= last:
        yield from _cover(read, run, series, below, rest, last)


def _blocks(
    read: curves.Read, run: str, series: str, level: int, first: int, last: int
) -> Iterator[tuple[int, Series]]:
    """Blocks of a level with steps from the first to the last, by their number."""
    of_level = CurveBlock.run == run, CurveBlock.series == series, CurveBlock.level == level
    columns = CurveBlock.block, CurveBlock.steps, CurveBlock.values, CurveBlock.stands_for, CurveBlock.means
    block, end = first >> level + BLOCK, last >> level + BLOCK
    while block <= end:
        query = select(*columns).where(*of_level, CurveBlock.block.between(block, end))
        with read() as db:
            rows = list(db.execute(query.order_by(CurveBlock.block).limit(PAGE)))
        for row in rows:
            steps, stands_for = np.frombuffer(row.steps, "<i8"), np.frombuffer(row.stands_for, "<i8")
            values, means = np.frombuffer(row.values, "<f8"), np.frombuffer(row.means, "<f8")
            yield row.block, Series(steps, values, stands_for, means)
        if len(rows) < PAGE:
            return
        block = rows[-1].block + 1


def _complete(db: Session, run: str, series: str, before: int, last: int) -> None:
    """Store the blocks that are completed by the steps after `before`, up to `last`."""
    insert = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    for level in LEVELS:
        span = level + BLOCK
        first, end = before + 1 >> span, last + 1 >> span
        if first == end:
            return  # nor is a block of a coarser level complete
        points = _thin(_cover(lambda: nullcontext(db), run, series, level - 1, first << span, (end << span) - 1), level)
        rows = [
            {"run": run, "series": series, "level": level, "block": block, **_packed(points, block, span)}
            for block in range(first, end)
        ]
        db.connection().execute(insert(CurveBlock).on_conflict_do_nothing(), rows)


def _packed(points: Series, block: int, span: int) -> dict[str, bytes]:
    part = points.between(block << span, (block + 1 << span) - 1)
    assert part.stands_for is not None and part.means is not None
    whole = {"steps": part.steps, "stands_for": part.stands_for}
    real = {"values": part.values, "means": part.means}
    return {name: array.astype("<i8").tobytes() for name, array in whole.items()} | {
        name: array.astype("<f8").tobytes() for name, array in real.items()
    }


def _build(database: Database, run: str, series: str, last: int) -> None:
    """Store the blocks that an older version did not, some in each transaction."""
    span = LEVELS[0] + BLOCK
    stored = select(func.count()).where(
        CurveBlock.run == run, CurveBlock.series == series, CurveBlock.level == LEVELS[0]
    )
    with database.read() as db:
        if db.execute(stored).scalar_one() >= last + 1 >> span:
            return
    there = select(Run.id).where(Run.id == run, Run.status != DELETED).with_for_update(read=True, key_share=True)
    for first in range(0, last, PAGE << span):
        with database.write() as db:
            if db.scalars(there).one_or_none() is None:
                return
            _complete(db, run, series, first - 1, min(last, first - 1 + (PAGE << span)))
