"""The progress of a sweep: tell the results of its runs, and begin what follows from them.

Each step is a function of the rows, and is written in one transaction under the sweep's fence. A process that is killed
in between has done the step or not; whoever claims the sweep next goes on from the rows. A trial has one run for each
seed, which a primary key holds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import Caller, Limits, Scope
from app.constants import RESERVED_TAGS, SWEEP_TAG, SweepStatus
from app.errors import Conflict, LimitReached
from app.messages import Message, Refusal
from app.runs.limits import A_WHILE, free_jobs, refuse_jobs
from app.runs.submission import NewRun, Resolved, insert, resolved_runs
from app.runs.sweeps.definition import Definition
from app.runs.sweeps.plan import Promotion, plan
from app.runs.sweeps.proposals import proposal, reason
from app.runs.sweeps.ranking import best_run
from app.runs.sweeps.requests import MOST_TRIALS
from app.runs.sweeps.space import Params
from app.runs.sweeps.trials import END, Trial, observed
from app.storage import datasets, runs, sweeps
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Dataset, Sweep

MOST_RUNS = 50  # that are queued in one transaction: others wait for it
ANY, BUSY = 10**9, 16  # open runs down to which a sweep sleeps: each end wakes it, or the end of all but a few
DRAWS = 20  # of a configuration that has not been tried
MOST_OF_NAME = 180  # letters of the name of a run that are the sweep's
TRIAL_TAG = f"{RESERVED_TAGS}trial"  # the tag with the number of a run's trial


@dataclass(frozen=True)
class NewTrial:
    """A trial to begin; without runs, if it is refused."""

    number: int
    params: Params
    runs: Sequence[Resolved] = ()  # one for each seed
    refusal: dict[str, Any] | None = None


@dataclass(frozen=True)
class TestResult:
    """The metrics of a run on the test part, and its evaluation."""

    metrics: dict[str, Any]
    evaluation: dict[str, Any]


Measure = Callable[[str], TestResult | None]  # of the run with this id; None if the test part is empty


def advance(database: Database, files: Files, id: str, attempt: int, measure_test: Measure) -> None:
    """Do all that can be done now, and give the sweep back or end it. Raises LeaseLost."""
    with database.read() as db:
        sweep_claims.read(db, id, attempt, Sweep.status)
        sweep = sweeps.get(db, id)
    step = _Step(database.of(caller_of(sweep)), files, sweep, attempt, measure_test)
    while step.is_done():
        pass


def caller_of(sweep: Sweep) -> Caller:
    """The key that made the sweep, as whom its runs are made."""
    known = sweep.caller
    scopes = frozenset(Scope(scope) for scope in known["scopes"])
    return Caller(sweep.owner, scopes, known["key"], limits=Limits(**known["limits"]))


class _Step:
    """A step of a sweep that this attempt holds; PATCH takes it away, so the sweep's request does not change."""

    def __init__(self, database: Database, files: Files, sweep: Sweep, attempt: int, measure_test: Measure) -> None:
        self.database, self.files, self.sweep, self.attempt = database, files, sweep, attempt
        self.definition, self.measure_test = Definition.of(sweep), measure_test

    def is_done(self) -> bool:
        """Do one step. False if nothing more can be done now: the sweep has been given back, or has ended."""
        with self._write() as db:
            trials, free, now = self._told(db), free_jobs(db), db.scalars(select(database_now())).one()
        is_late = self.definition.deadline is not None and now >= self.definition.deadline
        seeds = len(self.definition.seeds)
        most = max(1, MOST_RUNS // seeds) if free is None else min(MOST_RUNS, free) // seeds
        planned = plan(self.definition.search, trials, most)
        new = [] if is_late else self._new_trials(trials, planned.new)
        is_idle = not planned.promotions and not new and all(trial.status != "running" for trial in trials)
        if is_late or planned.is_over or (is_idle and planned.new):  # all configurations have been tried
            self._end(trials)
            return False
        try:
            with self._write() as db:
                refuse_jobs(db, _runs(planned.promotions) + sum(len(trial.runs) for trial in new))
                self._begin(db, planned.promotions, new)
                if planned.promotions or new:
                    return True
                self._wait(db, trials, A_WHILE if most == 0 else None)
        except LimitReached:  # another request was first, or the storage is full
            with self._write() as db:
                self._wait(db, trials, A_WHILE)
        except Conflict:  # a run that was to go on has been resumed or deleted
            return True
        return False

    @contextmanager
    def _write(self) -> Iterator[Session]:
        """A transaction under the fence, which also locks the row. Raises LeaseLost."""
        with self.database.write() as db:
            sweep_claims.write(db, self.sweep.id, self.attempt, deaths=0)
            yield db

    def _wait(self, db: Session, trials: Sequence[Trial], seconds: float | None) -> None:
        """Give the sweep back, until enough runs have ended or so many seconds have passed.

        While trials are left to begin, each end makes room for one. Later it is enough that workers stay busy: a step
        takes a process, and the more results a rung has, the better is its choice.
        """
        search = self.definition.search
        wake_at = ANY if len(trials) < search.trials else BUSY if search.rungs else 0
        due = self.definition.deadline if seconds is None else database_now() + seconds
        sweep_claims.wait(db, self.sweep.id, self.attempt, due, wake_at)

    def _told(self, db: Session) -> list[Trial]:
        """The trials as they stand; what is new about their runs is recorded."""
        trials = []
        for rows in sweeps.trials(db, self.sweep.id):
            trial = observed(rows, self.definition.metric)
            for (of_trial, _), run in zip(rows.runs, trial.runs, strict=True):
                if run.is_open and of_trial.told:  # somebody has resumed it
                    sweeps.untell(db, run.id, {name: value for name, value in run.values.items() if name != END})
                elif not run.is_open and (not of_trial.told or of_trial.outcome != run.outcome):
                    sweeps.tell(db, run.id, run.values, run.outcome)
            trials.append(trial)
        return trials

    def _new_trials(self, trials: Sequence[Trial], count: int) -> list[NewTrial]:
        """Up to `count` trials that follow, fewer if all configurations have been tried."""
        if count == 0:
            return []
        with self.database.read() as db:
            dataset = datasets.get(db, self.sweep.dataset)
        proposed = _proposed(self.sweep, self.definition, trials, count)
        return [self._resolved(dataset, number, params) for number, params in enumerate(proposed, start=len(trials))]

    def _resolved(self, dataset: Dataset, number: int, params: Params) -> NewTrial:
        """A trial with its runs, or with the reason why there can be none."""
        definition, limits = self.definition, self.database.caller.limits
        try:
            request = proposal(definition.space.request(definition.base, params))
            name = f"{(request.name or self.sweep.name or 'sweep')[:MOST_OF_NAME]}, trial {number}"
            tags = request.tags | {SWEEP_TAG: self.sweep.id, TRIAL_TAG: str(number)}
            named = request.model_copy(update={"tags": tags, "name": name})
            seeded = [named.model_copy(update={"seed": seed}) for seed in definition.seeds]
            new = [NewRun(each, pause_epoch=definition.pause_epoch(0)) for each in seeded]
            return NewTrial(number, params, resolved_runs(new, dataset, self.files, limits))
        except Refusal as refusal:
            return NewTrial(number, params, refusal=reason(refusal))

    def _begin(self, db: Session, promotions: Sequence[Promotion], new: Sequence[NewTrial]) -> None:
        """Let runs go on, and queue new ones. Raises Conflict if one that is to go on does not wait any more."""
        definition, id = self.definition, self.sweep.id
        for promotion in promotions:
            for run in promotion.trial.runs:
                if run.outcome is None:
                    sweeps.promote(db, run.id, promotion.rung, definition.pause_epoch(promotion.rung))
        dataset = datasets.get(db, self.sweep.dataset)
        for trial in new:
            sweeps.add_trial(db, id, trial.number, trial.params, trial.refusal)
            queued = insert(db, dataset, trial.runs)
            for seed, row in zip(definition.seeds, queued, strict=False):  # a refused trial has no runs
                sweeps.add_run(db, id, trial.number, seed, row.id, rung=0)

    def _end(self, trials: Sequence[Trial]) -> None:
        """End the sweep with the best of its trials; what still trains is cancelled. Only now, and only for the best
        run, the test part is looked at."""
        best = best_run(self.definition, trials)
        tested = None if best is None else self.measure_test(best)
        message = Message.of("sweep_without_result", trials=len(trials))
        with self._write() as db:
            sweeps.cancel_runs(db, self.sweep.id, database_now())
            if best is not None and tested is not None:
                runs.add_test(db, best, tested.metrics, tested.evaluation)
            status = SweepStatus.FAILED if best is None else SweepStatus.SUCCEEDED
            error = None if best is not None else {"message": message.text(), **message.to_json()}
            ended = sweep_claims.ended(status)
            sweep_claims.write(db, self.sweep.id, self.attempt, chosen=best, error=error, **ended)


def _runs(promotions: Sequence[Promotion]) -> int:
    """The number of runs that go on."""
    return sum(run.outcome is None for promotion in promotions for run in promotion.trial.runs)


def _proposed(sweep: Sweep, definition: Definition, trials: Sequence[Trial], count: int) -> list[Params]:
    """Configurations that have not been tried, in the order of the trials that they become."""
    space, tried = definition.space, [trial.params for trial in trials]
    untried = (params for params in space.grid() if params not in tried)
    if definition.sampler == "grid":
        return list(islice(untried, count))
    from app.runs.sweeps import study  # a grid needs no Optuna, which takes a moment to load

    known = [study.known(one["params"], one["value"]) for one in sweep.knowledge]
    results = known + [study.result(trial, definition.search.rungs) for trial in trials]
    is_finite = not space.is_larger_than(MOST_TRIALS)
    proposed: list[Params] = []
    for number in range(len(trials), len(trials) + count):
        draws = (
            study.draw(definition.sampler, space, results, definition.search.maximize, (definition.seed, number, again))
            for again in range(DRAWS)
        )
        params = next((params for params in draws if params not in tried), None)
        if params is None and is_finite:
            params = next((params for params in space.grid() if params not in tried), None)
        if params is None:
            break
        proposed.append(params)
        tried.append(params)
        results.append(study.begun(params))
    return proposed
