"""Every step's loss: points packed into chunks, read back piece by piece or thinned without losing an extreme."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, insert, not_, select, tuple_
from sqlalchemy.orm import Session

from app.storage.database import Database
from app.storage.tables import CurveChunk

PAGE = 64  # chunks that are read at once: a worker writes about two a second
# Series of the diagnostics, `layer.0.gradient_norm`: many of few points, beside the curve and not part of it.
DIAGNOSTICS = "layer."
OF_DIAGNOSTICS = CurveChunk.series.startswith(DIAGNOSTICS)


@dataclass(frozen=True)
class Series:
    """Points in the order of their steps: steps (n,) int64 and values (n,) float64; NaN and ∞ are values too.

    `stands_for` says how many points each one stands for, where the series was thinned.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    stands_for: NDArray[np.int64] | None = None

    def __getitem__(self, chosen: slice | NDArray[np.generic]) -> "Series":
        return Series(self.steps[chosen], self.values[chosen])


def append(db: Session, run: str, series: str, steps: Sequence[int], values: Sequence[float]) -> None:
    """Add points behind the last; the caller holds the run's fence in the same transaction."""
    append_all(db, run, {series: (steps, values)})


def append_all(db: Session, run: str, points: Mapping[str, tuple[Sequence[int], Sequence[float]]]) -> None:
    """As `append`: steps and values of several series in one statement."""
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
        db.connection().execute(insert(CurveChunk), chunks)  # without the ORM, which has nothing to add


def last_steps(db: Session, run: str, diagnostics: bool = False) -> dict[str, int]:
    """The last recorded step of each series of the curve, or of the diagnostics, by name."""
    mine = (CurveChunk.run == run, OF_DIAGNOSTICS if diagnostics else not_(OF_DIAGNOSTICS))
    query = select(CurveChunk.series, func.max(CurveChunk.last_step)).where(*mine)
    query = query.group_by(CurveChunk.series).order_by(CurveChunk.series)
    return {series: step for series, step in db.execute(query)}


def diagnostics(db: Session, run: str) -> dict[str, Series]:
    """The diagnostics by name; a run has some dozens of samples."""
    query = select(CurveChunk.series, CurveChunk.steps, CurveChunk.values).where(CurveChunk.run == run, OF_DIAGNOSTICS)
    pieces: dict[str, list[Series]] = {}
    for name, steps, values in db.execute(query.order_by(CurveChunk.series, CurveChunk.first_step)):
        pieces.setdefault(name, []).append(Series(np.frombuffer(steps, "<i8"), np.frombuffer(values, "<f8")))
    return {name: join(found) for name, found in pieces.items()}


def page(db: Session, run: str, series: str, from_step: int = 1) -> Series:
    """The next points of a series from a step on: those of a few chunks, however long the series is."""
    query = (
        select(CurveChunk.steps, CurveChunk.values)
        .where(CurveChunk.run == run, CurveChunk.series == series, CurveChunk.last_step >= from_step)
        .order_by(CurveChunk.first_step)
        .limit(PAGE)
    )
    found = join(Series(np.frombuffer(s, "<i8"), np.frombuffer(v, "<f8")) for s, v in db.execute(query))
    return found[found.steps >= from_step]


def pages(database: Database, run: str, series: str, from_step: int = 1) -> Iterator[Series]:
    """The whole series, page by page. Each is a transaction of its own: a slow reader keeps nobody from writing."""
    while True:
        with database.read() as db:
            found = page(db, run, series, from_step)
        if not len(found.steps):
            return
        yield found
        from_step = int(found.steps[-1]) + 1


def join(pieces: Iterable[Series]) -> Series:
    """Pieces of one series as one."""
    found = list(pieces)
    steps = np.concatenate([np.empty(0, np.int64), *(piece.steps for piece in found)])
    return Series(steps, np.concatenate([np.empty(0, np.float64), *(piece.values for piece in found)]))


def length(db: Session, run: str, series: str, from_step: int = 1) -> int:
    """How many points a series has from a step on."""
    mine = (CurveChunk.run == run, CurveChunk.series == series)
    after = select(func.coalesce(func.sum(func.length(CurveChunk.steps)), 0)).where(
        *mine, CurveChunk.first_step >= from_step
    )
    split = select(CurveChunk.steps).where(*mine, CurveChunk.first_step < from_step, CurveChunk.last_step >= from_step)
    within = [np.frombuffer(steps, "<i8") for steps in db.scalars(split)]
    return int(db.execute(after).scalar_one()) // 8 + sum(int((steps >= from_step).sum()) for steps in within)


def thinned(database: Database, run: str, series: str, points: int, from_step: int = 1) -> Series:
    """A series as at most `points` points, in memory for those points and not for the series."""
    with database.read() as db:
        total = length(db, run, series, from_step)
    return thin(pages(database, run, series, from_step), total, points)


def thin(pieces: Iterable[Series], total: int, points: int) -> Series:
    """The first `total` points of a series as at most `points` (from 2): each bucket keeps its minimum and its maximum.

    Any NaN is a maximum. A series that is short enough comes back as it is.
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
    """Delete a few chunks of a run; answers how many there were."""
    key = tuple_(CurveChunk.series, CurveChunk.first_step)
    first = select(CurveChunk.series, CurveChunk.first_step).where(CurveChunk.run == run).limit(PAGE)
    found = [tuple(row) for row in db.execute(first)]
    db.query(CurveChunk).where(CurveChunk.run == run, key.in_(found)).delete(synchronize_session=False)
    return len(found)
