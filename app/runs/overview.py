"""Runs at a glance: the shape of the loss, and the best result so far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.constants import ENDED
from app.runs.views import RunView
from app.storage import curves, pyramid
from app.storage.database import Database
from app.storage.series import Series
from app.storage.tables import Run

POINTS = 48  # of a line
SHORT = 2**14  # steps: shorter curves are read at once, longer ones from their pyramids
KEPT = 2000  # glances at long runs that have ended
LOSSES = ("train.loss", "validation.loss")
RESULTS = {"classification": "validation.accuracy", "regression": "validation.r2"}  # by task; more is better
SERIES = (*LOSSES, *RESULTS.values())
Point = tuple[float, float]
Line = tuple[list[float], list[float]]  # steps, and logarithms of the loss


@dataclass(frozen=True)
class Glance:
    """The losses as lines of some points, and the best accuracy of the validation part, or R² for a regression.

    `best` is None before there is one.
    """

    losses: list[Line]
    best: float | None


@dataclass(frozen=True)
class Overview:
    """A run as a list shows it."""

    view: RunView
    glance: Glance

    @property
    def live_losses(self) -> list[Line] | None:
        """The losses of a run that goes on, from which a script goes on drawing; None once it has ended."""
        if self.view.status in ENDED:
            return None
        return [([round(x, 4) for x in steps], [round(y, 4) for y in values]) for steps, values in self.glance.losses]

    @property
    def outline(self) -> list[list[Point]]:
        """The losses from (0, 0) to (1, 1), the larger the higher, on a scale that they share."""
        return scaled(self.glance.losses)


def scaled(lines: Sequence[Line]) -> list[list[Point]]:
    """Lines moved and stretched so that together they fill what lies between (0, 0) and (1, 1)."""
    if not lines:
        return []
    steps, values = (np.concatenate(each) for each in zip(*lines, strict=True))
    first, width = steps.min(), float(np.ptp(steps)) or 1.0
    lowest, height = values.min(), float(np.ptp(values)) or 1.0
    return [[((x - first) / width, (y - lowest) / height) for x, y in zip(*line, strict=True)] for line in lines]


class Glances:
    """Glances at runs, kept where they take long and stay as they are."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], Glance] = {}  # by run and step, the oldest first

    def overviews(self, database: Database, views: Sequence[RunView]) -> list[Overview]:
        """The overviews of these runs."""
        short = [view.run.id for view in views if _steps(view.run) < SHORT]
        with database.read() as db:
            read = curves.of_runs(db, short, SERIES)
        return [Overview(view, self._glance(database, view.run, read.get(view.run.id, {}))) for view in views]

    def _glance(self, database: Database, run: Run, read: Mapping[str, Series]) -> Glance:
        key = run.id, _steps(run)
        if key[1] < SHORT:
            return glance(run.task, read)
        if key not in self._kept:
            thinned = {name: pyramid.thinned(database, run.id, name, 2 * POINTS) for name in SERIES}
            seen = glance(run.task, thinned)
            if run.status not in ENDED:
                return seen
            self._kept[key] = seen
            if len(self._kept) > KEPT:
                self._kept.pop(next(iter(self._kept)), None)
        return self._kept[key]


def _steps(run: Run) -> int:
    steps: int = run.progress.get("step", 0)
    return steps


def glance(task: str, series: Mapping[str, Series]) -> Glance:
    """The glance at a run by its series, which may be thinned."""
    best = series.get(RESULTS[task])
    results = np.empty(0) if best is None else best.values[np.isfinite(best.values)]
    lines = [_line(series[name]) for name in LOSSES if name in series]
    return Glance([line for line in lines if line[0]], float(results.max()) if len(results) else None)


def _line(series: Series) -> Line:
    """Mean step and mean logarithm of each part of a series, without what a logarithmic scale has no place for."""
    drawn = np.isfinite(series.values) & (series.values > 0)
    steps, values = series.steps[drawn].astype(np.float64), np.log10(series.values[drawn])
    if not len(steps):
        return [], []
    starts = np.unique(np.arange(POINTS) * len(steps) // POINTS)
    sizes = np.diff(starts, append=len(steps))
    means = (np.add.reduceat(each, starts) / sizes for each in (steps, values))
    x, y = (each.tolist() for each in means)
    return x, y
