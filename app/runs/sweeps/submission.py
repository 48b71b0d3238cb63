"""Submission and change of a sweep: everything that can be refused is refused here, before anything trains."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import Caller
from app.constants import TASK_METRICS, RunStatus
from app.datasets.errors import SplitImpossible
from app.errors import Conflict, Invalid, NotFound, below
from app.learning.errors import InvalidChoice
from app.messages import Fix
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.runs.submission import fingerprint
from app.runs.sweeps.definition import PARALLEL, Definition, stored_space
from app.runs.sweeps.plan import rungs
from app.runs.sweeps.proposals import check
from app.runs.sweeps.ranking import best_run
from app.runs.sweeps.requests import MOST_TRIALS, SAMPLERS, KnownRequest, SweepChanges, SweepRequest, space_of
from app.runs.sweeps.space import Params, Space
from app.runs.sweeps.trials import observed, value_of
from app.storage import datasets, idempotency, models, runs, sweeps
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.models import Target
from app.storage.tables import Dataset, ModelVersion, Run

DEFAULT_METRIC = {"classification": "validation.accuracy", "regression": "validation.mse"}


@dataclass(frozen=True)
class SubmittedSweep:
    """A submitted sweep; `is_new` is False if its Idempotency-Key had created it before."""

    id: str
    is_new: bool


def submit_sweep(database: Database, files: Files, request: SweepRequest, key: str | None) -> SubmittedSweep:
    """Queue a sweep unless this Idempotency-Key has created it already.

    Raises NotFound, Conflict, LimitReached, and Invalid, whose pointer leads to the parameter that is wrong.
    """
    digest = fingerprint(request)

    def find() -> SubmittedSweep | None:
        if key is None:
            return None
        with database.read() as db:
            sweep = idempotency.sweep_made_by(db, key, digest)
            return None if sweep is None else SubmittedSweep(sweep.id, is_new=False)

    def create() -> SubmittedSweep:
        values = check_sweep(database, files, request)
        with database.write() as db:
            _refuse_past(db, values["request"]["deadline"])
            datasets.get_for_share(db, values["dataset"])
            sweep = sweeps.create(db, caller=_stored(database.caller), **values)
            if key is not None:
                idempotency.remember(db, key, digest, sweep=sweep.id)
            return SubmittedSweep(sweep.id, is_new=True)

    return idempotency.once(find, create)


def _stored(caller: Caller) -> dict[str, Any]:
    return {"key": caller.key, "scopes": sorted(caller.scopes), "limits": asdict(caller.limits)}


def check_sweep(database: Database, files: Files, request: SweepRequest) -> dict[str, Any]:
    """The values of the sweep's row. Raises what `submit_sweep` raises."""
    with database.read() as db:
        dataset = datasets.get(db, request.run["dataset"])
    sampler, space = _space(request)
    run = RunRequest.model_validate(request.run)
    resolved = _resolved(run, dataset, files)
    task = dataset.about["task"]
    metric = request.metric or DEFAULT_METRIC[task]
    if metric.rpartition(".")[2] not in TASK_METRICS[task]:
        names = [f"validation.{name}" for name in TASK_METRICS[task]]
        raise Invalid("sweep_metric_of_other_task", "/metric", Fix("/metric", DEFAULT_METRIC[task]), metrics=names)
    if not resolved["split"]["validation"] and not resolved["split"]["own"]:
        raise Invalid("sweep_without_validation", "/base/split/validation")
    check(space, request.run, dataset, files, database.caller.limits, sampler)
    trials = _number_of_trials(space, sampler, request.trials)
    seeds = [run.seed] if request.seeds is None else request.seeds
    _refuse_more_seeds(database.caller, seeds)
    others: set[str] = {name for name in SAMPLERS if name != sampler}
    filled_in = {"seeds": seeds, "metric": metric, "trials": trials, "parallel": _parallel(sampler, request.parallel)}
    knowledge = _knowledge(database, request, space, resolved, metric)
    return {
        "name": request.name,
        "dataset": dataset.id,
        "task": task,
        "request": request.model_dump(mode="json", exclude=others) | filled_in,
        "rungs": _rungs(request, resolved, trials),
        "knowledge": knowledge,
    }


def _space(request: SweepRequest | SweepChanges) -> tuple[str, Space]:
    """The sampler and the space of a request that names one. Raises Invalid."""
    sampler = request.sampler
    assert sampler is not None
    try:
        return sampler, space_of(getattr(request, sampler))
    except Invalid as error:
        raise below(f"/{sampler}", error) from error


def _resolved(run: RunRequest, dataset: Dataset, files: Files) -> dict[str, Any]:
    """The run's request as resolved. Raises Invalid, whose pointer leads into the base."""
    try:
        resolved, _ = resolve(run, dataset, files)
    except (Invalid, InvalidChoice) as error:
        raise below("/base", error) from error
    except SplitImpossible as error:
        raise below("/base/split", error) from error
    return resolved


def _number_of_trials(space: Space, sampler: str, sent: int | None) -> int:
    """The number of trials: as sent, but not more than a grid has. Raises Invalid for a grid that is too large."""
    if sampler != "grid":
        assert sent is not None  # the request's own check
        return sent
    if space.is_larger_than(MOST_TRIALS):
        raise Invalid("sweep_grid_too_large", "/grid", limit=MOST_TRIALS)
    size = sum(1 for _ in space.grid())
    return size if sent is None else min(sent, size)


def _refuse_more_seeds(caller: Caller, seeds: list[int]) -> None:
    if caller.limits.runs is not None and len(seeds) > caller.limits.runs:
        raise Invalid("over_limit_runs", "/seeds", number=len(seeds), limit=caller.limits.runs)


def _parallel(sampler: str, sent: int | None) -> int | None:
    return PARALLEL if sent is None and sampler == "tpe" else sent


def _rungs(request: SweepRequest, resolved: Mapping[str, Any], trials: int) -> list[int]:
    """The epochs after which trials are compared; none without halving. Raises Invalid if the run has no such end."""
    if request.halving is None:
        return []
    max_epochs = resolved["stop"]["max_epochs"]
    if max_epochs is None:
        raise Invalid("sweep_halving_needs_epochs", "/base/stop")
    return rungs(max_epochs, trials, request.halving.reduction)


def _knowledge(
    database: Database, request: SweepRequest, space: Space, resolved: Mapping[str, Any], metric: str
) -> list[dict[str, Any]]:
    """Results of runs that exist, with their configurations. Raises Invalid if none of them can guide the sampler."""
    known = request.known
    if known is None:
        return []
    if request.sampler != "tpe":
        raise Invalid("sweep_known_without_tpe", "/known", sampler=request.sampler)
    with database.read() as db:
        found = _known_runs(db, known)
    usable = []
    for run in found:
        params, value = space.read(run.request), value_of(run, metric)
        same_part = all(run.request[field] == resolved[field] for field in ("dataset", "split"))
        if params is not None and value is not None and same_part and run.status == RunStatus.SUCCEEDED:
            usable.append({"run": run.id, "params": params, "value": value})
    if not usable:
        raise Invalid("sweep_knows_nothing", "/known", runs=len(found))
    return usable


def _known_runs(db: Session, known: KnownRequest) -> list[Run]:
    """The runs that a request names, each once. Raises Invalid for an unknown id."""
    try:
        named = [runs.get(db, id) for id in known.runs]
    except NotFound as error:
        raise Invalid.because(error, "/known/runs") from error
    if known.tag is not None:
        named += runs.page(db, runs.matching(database_now(), tags=[known.tag]), MOST_TRIALS).items
    return list({run.id: run for run in named}.values())


def change_sweep(database: Database, files: Files, id: str, changes: SweepChanges) -> None:
    """Change a sweep, which goes on if it has ended. Raises NotFound, Forbidden, and what `submit_sweep` raises."""
    with database.read() as db:
        sweep = sweeps.get(db, id)
        dataset = datasets.get(db, sweep.dataset)
    if changes.sampler is not None:
        _, space = _space(changes)
        check(space, sweep.request["base"], dataset, files, database.caller.limits, changes.sampler)
    with database.write() as db:
        sweep = sweeps.get_own(db, id)
        request = _changed(sweep.request, changes)
        _refuse_past(db, request["deadline"])
        request["trials"] = _total(request, changes, [rows.trial.params for rows in sweeps.trials(db, id)])
        sweeps.change(db, id, request=request)


def _changed(request: Mapping[str, Any], changes: SweepChanges) -> dict[str, Any]:
    """The stored request with the changes; a new space replaces the old one, whatever its sampler."""
    sent = changes.model_dump(mode="json", exclude_unset=True)
    named = {name for name in SAMPLERS if sent.get(name) is not None}
    kept = {name: value for name, value in request.items() if not (named and name in SAMPLERS)}
    changed = kept | {name: value for name, value in sent.items() if name not in SAMPLERS or name in named}
    changed["trials"] = changes.trials or request["trials"]
    if "parallel" not in sent and changes.sampler is not None:
        changed["parallel"] = _parallel(changes.sampler, changed["parallel"])
    return changed


def _total(request: dict[str, Any], changes: SweepChanges, tried: list[Params]) -> int:
    """The number of trials after the changes; a grid has no more than are left of it.

    Raises Invalid for a grid that is too large, and if a sampler without an end is to begin without a number."""
    sampler, space = stored_space(request)
    if sampler != "grid":
        if changes.trials is None and changes.sampler is not None and len(tried) >= request["trials"]:
            raise Invalid("sweep_without_trials", "/trials", sampler=sampler)
        return int(request["trials"])
    if space.is_larger_than(MOST_TRIALS - len(tried)):
        raise Invalid("sweep_grid_too_large", "/grid", limit=MOST_TRIALS - len(tried))
    whole = len(tried) + sum(params not in tried for params in space.grid())
    wanted = changes.trials or (whole if changes.sampler is not None else request["trials"])
    return min(int(wanted), whole)


def _refuse_past(db: Session, deadline: str | None) -> None:
    now = db.execute(select(database_now())).scalar_one()
    if deadline is not None and datetime.fromisoformat(deadline).timestamp() <= now:
        raise Invalid("sweep_deadline_passed", "/deadline")


def promote(database: Database, id: str, model: str) -> list[ModelVersion]:
    """Point a model at the best run of a sweep, so far or in the end; returns its versions, newest first.

    Raises NotFound, Conflict if no trial has trained to its end, and what `models.point` raises."""
    with database.write() as db:
        sweep = sweeps.get(db, id)
        definition = Definition.of(sweep)
        trials = [observed(rows, definition.metric) for rows in sweeps.trials(db, id)]
        best = sweep.chosen or best_run(definition, trials)
        if best is None:
            raise Conflict("sweep_without_best", sweep=id)
        return models.point(db, model, Target({best: 1.0}))
