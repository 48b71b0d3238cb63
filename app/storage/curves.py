"""Curves: the points of every step, packed into chunks, and read in pages or thinned without losing an extreme."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, func, insert, not_, select, tuple_
from sqlalchemy.orm import Session

from app.storage.database import Database
from app.storage.tables import CurveChunk

PAGE = 64  # chunks per page: a worker writes about two a second
# The prefix of series of diagnostics, such as `layer.0.gradient_norm`: many, of few points, not part of the curve.
DIAGNOSTICS = "layer."
OF_DIAGNOSTICS = CurveChunk.series.startswith(DIAGNOSTICS)


@dataclass(frozen=True)
class Series:
    """Points in the order of their steps: steps (n,) int64 and values (n,) float64, which may be NaN or ∞.

    `stands_for` is the number of points that each one represents in a thinned series.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    stands_for: NDArray[np.int64] | None = None

    def __getitem__(self, chosen: slice | NDArray[np.generic]) -> "Series":
        return Series(self.steps[chosen], self.values[chosen])


def append(db: Session, run: str, points: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> None:
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
    """The last recorded step of each series of the curve, or of the diagnostics, by name."""
    of_run = (CurveChunk.run == run, OF_DIAGNOSTICS if diagnostics else not_(OF_DIAGNOSTICS))
    query = select(CurveChunk.series, func.max(CurveChunk.last_step)).where(*of_run)
    query = query.group_by(CurveChunk.series).order_by(CurveChunk.series)
    return {series: step for series, step in db.execute(query)}


def diagnostics(db: Session, run: str) -> dict[str, Series]:
    """Series of the diagnostics by name: some dozens of samples each."""
    query = select(CurveChunk.series, CurveChunk.steps, CurveChunk.values).where(CurveChunk.run == run, OF_DIAGNOSTICS)
    pieces: dict[str, list[Series]] = {}
    for name, steps, values in db.execute(query.order_by(CurveChunk.series, CurveChunk.first_step)):
        pieces.setdefault(name, []).append(_unpacked(steps, values))
    return {name: join(chunks) for name, chunks in pieces.items()}


def page(db: Session, run: str, series: str, from_step: int = 1) -> Series:
    """The first points of a series from a step on: a few chunks, however long the series is."""
    query = (
        select(CurveChunk.steps, CurveChunk.values)
        .where(CurveChunk.run == run, CurveChunk.series == series, CurveChunk.last_step >= from_step)
        .order_by(CurveChunk.first_step)
        .limit(PAGE)
    )
    points = join(_unpacked(steps, values) for steps, values in db.execute(query))
    return points[points.steps >= from_step]


def _unpacked(steps: bytes, values: bytes) -> Series:
    return Series(np.frombuffer(steps, "<i8"), np.frombuffer(values, "<f8"))


def pages(database: Database, run: str, series: str, from_step: int = 1) -> Iterator[Series]:
    """The whole series in pages. Each page is its own transaction, so that a slow reader blocks no writer."""
    while True:
        with database.read() as db:
            points = page(db, run, series, from_step)
        if not len(points.steps):
            return
        yield points
        from_step = int(points.steps[-1]) + 1


def join(pieces: Iterable[Series]) -> Series:
    """Concatenate pieces of a series."""
    parts = list(pieces)
    steps = np.concatenate([np.empty(0, np.int64), *(part.steps for part in parts)])
    return Series(steps, np.concatenate([np.empty(0, np.float64), *(part.values for part in parts)]))


def length(db: Session, run: str, series: str, from_step: int = 1) -> int:
    """Number of points of a series from a step on."""
    of_series = (CurveChunk.run == run, CurveChunk.series == series)
    after = select(func.coalesce(func.sum(func.length(CurveChunk.steps)), 0)).where(
        *of_series, CurveChunk.first_step >= from_step
    )
    is_split = and_(CurveChunk.first_step < from_step, CurveChunk.last_step >= from_step)
    split = select(CurveChunk.steps).where(*of_series, is_split)
    within = [np.frombuffer(steps, "<i8") for steps in db.scalars(split)]
    return int(db.execute(after).scalar_one()) // 8 + sum(int((steps >= from_step).sum()) for steps in within)


def thinned(database: Database, run: str, series: str, points: int, from_step: int = 1) -> Series:
    """A series as at most `points` points; memory grows with the points and not with the series."""
    with database.read() as db:
        total = length(db, run, series, from_step)
    return thin(pages(database, run, series, from_step), total, points)


def thin(pieces: Iterable[Series], total: int, points: int) -> Series:
    """The first `total` points of a series as at most `points`: each bucket keeps its minimum and maximum.

    NaN counts as a maximum. A series that is short enough is not changed.
    """
    if total <= points:
        return join(pieces)[:total]
    edges = np.linspace(0, total, max(1, points // 2) + 1).astype(np.int64)
    buckets = [join([])] * (len(edges) - 1)
    place = 0
    for piece in pieces:
        rest = piece
        while len(rest.steps) and place < total:
            bucket = int(np.searchsorted(edges, place, side="right")) - 1
            count = int(edges[bucket + 1]) - place
            head, rest = rest[:count], rest[count:]
            buckets[bucket] = _extremes(join([buckets[bucket], head]), both=points > 1)
            place += len(head.steps)
    kept = join(buckets)
    sizes = [np.full(len(bucket.steps), size // max(1, len(bucket.steps)))
             for bucket, size in zip(buckets, np.diff(edges), strict=True)]  # fmt: skip
    return Series(kept.steps, kept.values, np.concatenate(sizes))


def _extremes(series: Series, both: bool) -> Series:
    finite = np.where(np.isnan(series.values), np.inf, series.values)
    kept = {int(finite.argmin()), int(finite.argmax())} if both else {int(finite.argmax())}
    return series[np.asarray(sorted(kept))]


def delete_page(db: Session, run: str) -> int:
    """Delete a page of a run's chunks; returns the number deleted."""
    key = tuple_(CurveChunk.series, CurveChunk.first_step)
    first = select(CurveChunk.series, CurveChunk.first_step).where(CurveChunk.run == run).limit(PAGE)
    keys = [tuple(row) for row in db.execute(first)]
    db.query(CurveChunk).where(CurveChunk.run == run, key.in_(keys)).delete(synchronize_session=False)
    return len(keys)
