"""Views of sweeps: the row, its trials as they stand, and their ranking."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.constants import SweepStatus
from app.runs.sweeps.definition import Definition
from app.runs.sweeps.ranking import Ranked, best_run, ranking
from app.runs.sweeps.trials import observed
from app.storage import sweeps
from app.storage.tables import Run, Sweep


@dataclass(frozen=True)
class SweepView:
    """A sweep with its trials, best first. `steps` have been trained in all. `best` is the run that is best so far, or
    that was chosen at the end; only then its test part has been measured."""

    sweep: Sweep
    definition: Definition
    ranked: list[Ranked]
    steps: int
    best: str | None
    best_run: Run | None

    @property
    def has_ended(self) -> bool:
        return self.sweep.status != SweepStatus.RUNNING


def sweep_view(db: Session, id: str) -> SweepView:
    """The present state of a sweep. Raises NotFound."""
    sweep = sweeps.get(db, id)
    definition, rows = Definition.of(sweep), sweeps.trials(db, id)
    trials = [observed(trial, definition.metric) for trial in rows]
    best = sweep.chosen or best_run(definition, trials)
    there = {run.id: run for trial in rows for _, run in trial.runs if run is not None}
    return SweepView(
        sweep=sweep,
        definition=definition,
        ranked=ranking(definition, trials),
        steps=sum(run.progress.get("step", 0) for run in there.values()),
        best=best,
        best_run=there.get(best or ""),
    )
