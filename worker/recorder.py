"""Recording of a training: buffers the points of its steps, and writes them in one transaction with the progress."""

import math
import time
from typing import Any

from sqlalchemy.orm import Session

from app.insight.analysis.diagnostics import Sampler
from app.learning.training import Step, Training
from app.storage import curves, pyramid
from app.storage.jsonable import jsonable
from app.storage.queue import turns
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run


class Recorder:
    """A buffer of points that are not written yet.

    `recorded` is the last recorded step of each series. Steps that an earlier attempt has recorded are skipped: a
    repeated step has the same bits, and a curve never shrinks. `circumstances` (columns of the run) are written with
    the first points. Diagnostics are sampled after the step `sampled`. The training gets a `share` of its process's
    time."""

    def __init__(
        self, training: Training, recorded: dict[str, int], sampled: int = 0, share: float = 1.0, **circumstances: Any
    ) -> None:
        self.training, self.sampler, self.share = training, Sampler(training, sampled, share=share), share
        self.recorded, self.circumstances = recorded, circumstances
        self.first = True
        self.last_loss = math.nan
        self.started, self.first_step = time.monotonic(), training.step
        self.charged = self.to_charge = training.seconds  # by earlier attempts
        self.metrics: dict[str, Any] = {}
        self._clear()

    def _clear(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.others: dict[str, list[tuple[int, float]]] = {}

    def add(self, step: Step) -> None:
        """Add the points of a step to the buffer."""
        self.last_loss = step.loss
        if step.number > self.recorded.get("train.loss", 0):
            self.steps.append(step.number)
            self.losses.append(step.loss)
        if step.metrics is not None:
            self.metrics = {str(part): metrics for part, metrics in step.metrics.items()}
            for part, metrics in step.metrics.items():
                for name, value in metrics.items():
                    series = f"{part}.{name}"
                    if value is not None and series != "train.loss" and step.number > self.recorded.get(series, 0):
                        self.others.setdefault(series, []).append((step.number, value))

    def sample(self, last: bool = False) -> None:
        """Sample diagnostics if a sample is due, or if this is the last step."""
        for layer, measures in (self.sampler.look(last) or {}).items():
            for name, value in measures.items():
                series = f"{curves.DIAGNOSTICS}{layer}.{name}"
                self.others.setdefault(series, []).append((self.training.step, value))

    def flush(self, db: Session, run: str, attempt: int, file_bytes: int = 0, **values: Any) -> None:
        """Write points and progress under the fence, together with `values`, further columns of the run. Its files have
        grown by `file_bytes`. Call `flushed` once the transaction is committed."""
        changes: dict[str, Any] = {"progress": self._progress()} | (self.circumstances if self.first else {})
        if self.metrics:
            changes["metrics"] = jsonable(self.metrics)
        points = len(self.steps) + sum(map(len, self.others.values()))
        grown = {"bytes": Run.bytes + points * curves.POINT_BYTES + file_bytes}
        run_claims.write(db, run, attempt, **changes | grown | values)
        self.to_charge = self.training.seconds
        turns.charge(db, run, (self.to_charge - self.charged) * self.share)
        points_of: dict[str, Any] = {series: tuple(zip(*points, strict=True)) for series, points in self.others.items()}
        if self.steps:
            points_of["train.loss"] = self.steps, self.losses
        pyramid.append(db, run, points_of, self.recorded)

    def flushed(self) -> None:
        """Clear the buffers after the transaction is committed."""
        self.first, self.charged = False, self.to_charge
        self.recorded |= {series: points[-1][0] for series, points in self.others.items()}
        if self.steps:
            self.recorded["train.loss"] = self.steps[-1]
        self._clear()

    def _progress(self) -> dict[str, Any]:
        training, stop = self.training, self.training.recipe.stop
        max_steps = None if math.isinf(training.total_steps) else int(training.total_steps)
        took = time.monotonic() - self.started
        speed = (training.step - self.first_step) / took if took > 0 else 0.0
        fractions, left = [], []  # by steps and by time; the first limit reached ends the run
        if max_steps is not None:
            fractions.append(training.step / max_steps)
            left += [(max_steps - training.step) / speed] if speed else []
        if stop.max_seconds is not None:
            fractions.append(training.seconds / stop.max_seconds)
            left.append(max(0.0, stop.max_seconds - training.seconds))
        return {
            "step": training.step,
            "epoch": training.epoch,
            "seconds": round(training.seconds, 3),
            "max_steps": max_steps,
            "steps_per_epoch": training.steps_per_epoch,
            "fraction": min(1.0, max(fractions)),
            "steps_per_second": round(speed, 1),
            "eta_seconds": round(min(left), 1) if left else None,
        }
