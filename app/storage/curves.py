"""Every step's loss: points packed into chunks, read back whole or thinned without losing an extreme."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.storage.tables import CurveChunk


@dataclass(frozen=True)
class Series:
    """Points in the order of their steps: steps (n,) int64 and values (n,) float64; NaN and ∞ are values too.

    `stands_for` says how many points each one stands for, where the series was thinned.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    stands_for: NDArray[np.int64] | None = None


def append(db: Session, run: str, series: str, steps: Sequence[int], values: Sequence[float]) -> None:
    """Add points behind the last; the caller holds the run's fence in the same transaction."""
    db.add(
        CurveChunk(
            run=run,
            series=series,
            first_step=steps[0],
            last_step=steps[-1],
            steps=np.asarray(steps, "<i8").tobytes(),
            values=np.asarray(values, "<f8").tobytes(),
        )
    )


def last_steps(db: Session, run: str) -> dict[str, int]:
    """The last recorded step of each series."""
    query = select(CurveChunk.series, func.max(CurveChunk.last_step)).where(CurveChunk.run == run)
    return {series: step for series, step in db.execute(query.group_by(CurveChunk.series))}


def read(db: Session, run: str, series: list[str] | None = None, from_step: int = 1) -> dict[str, Series]:
    """The points of the series asked for (or of all) from a step on."""
    query = select(CurveChunk).where(CurveChunk.run == run, CurveChunk.last_step >= from_step)
    if series is not None:
        query = query.where(CurveChunk.series.in_(series))
    chunks: dict[str, list[CurveChunk]] = {name: [] for name in series or []}
    for chunk in db.scalars(query.order_by(CurveChunk.series, CurveChunk.first_step)):
        chunks.setdefault(chunk.series, []).append(chunk)
    return {name: _join(found, from_step) for name, found in chunks.items()}


def _join(chunks: list[CurveChunk], from_step: int) -> Series:
    steps = np.frombuffer(b"".join(chunk.steps for chunk in chunks), "<i8")
    values = np.frombuffer(b"".join(chunk.values for chunk in chunks), "<f8")
    return Series(steps[steps >= from_step], values[steps >= from_step])


def thin(series: Series, points: int) -> Series:
    """At most `points` points (from 2): each bucket keeps its minimum and its maximum, and any NaN is a maximum.

    A series that is short enough comes back as it is.
    """
    total = len(series.steps)
    if total <= points:
        return series
    edges = np.linspace(0, total, max(1, points // 2) + 1).astype(np.int64)
    kept: list[int] = []
    for start, stop in pairwise(edges):
        bucket = series.values[start:stop]
        finite = np.where(np.isnan(bucket), np.inf, bucket)
        pair = {int(start + finite.argmin()), int(start + finite.argmax())}
        kept += sorted(pair) if points > 1 else [int(start + finite.argmax())]
    index = np.asarray(kept)
    bucket_of = np.searchsorted(edges, index, side="right") - 1
    sizes = np.diff(edges)[bucket_of] // np.bincount(bucket_of)[bucket_of]
    return Series(series.steps[index], series.values[index], sizes)
