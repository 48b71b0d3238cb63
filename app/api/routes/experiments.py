"""The lecture's claims, tried: an experiment is runs like any others, and what is to be seen in them."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import binary, problems
from app.api.routes.diagnosis import facts_of
from app.api.routes.runs import Key, create_together, digest_of
from app.api.schemas.experiments import (
    LINEAR_COLLAPSE,
    MOST_SEEDS,
    ExperimentAnswer,
    ExperimentEntry,
    ExperimentList,
    ExperimentRequest,
    Observed,
    SeedAnswer,
    SpreadAnswer,
    TrialAnswer,
    TrialRun,
)
from app.constants import EXPERIMENT_TAG, RESERVED_TAGS
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.experiments import EXPERIMENTS, observe
from app.insight.experiments.experiment import Experiment, Seen, Trial, spreads, verdict
from app.insight.experiments.faults import FAULTS
from app.plots.curves import Format
from app.runs.groups import OneAxis, OneSeries, curves_of, id_made_by, runs_of_group
from app.runs.requests import RunRequest
from app.storage import idempotency
from app.storage.database import Database
from app.storage.ids import new_id
from app.storage.jsonable import jsonable
from app.storage.tables import ENDED, Run
from app.suggestions import nearest

router = APIRouter(prefix="/experiments", tags=["experiments"], responses=problems(NotFound, Invalid))

MOST_TRIALS = max(len(experiment.trials) for experiment in EXPERIMENTS.values())
TRIAL, SEED = f"{RESERVED_TAGS}trial", f"{RESERVED_TAGS}seed"  # the tags of its runs, beside EXPERIMENT_TAG


Name = Annotated[str, Path(examples=[LINEAR_COLLAPSE])]


@router.get("", summary="The lecture's claims that can be tried")
def list_experiments() -> ExperimentList:
    return ExperimentList(items=[_entry(experiment) for experiment in EXPERIMENTS.values()])


@router.get("/{name}", summary="One experiment: what is claimed, what is right, what is run")
def get_experiment(name: Name) -> ExperimentEntry:
    return _entry(_experiment(name))


AT_ONCE: dict[int | str, dict[str, Any]] = {
    200: {"model": ExperimentAnswer, "description": "It was calculated, or this key has started it already"}
}


@router.post(
    "/{name}", summary="Try it", status_code=202, responses=problems(NotFound, Malformed, Conflict, Invalid) | AT_ONCE
)
def start(
    name: Name,
    database: DatabaseDep,
    files: FilesDep,
    response: Response,
    body: ExperimentRequest | None = None,
    key: Key = None,
) -> ExperimentAnswer:
    """Queues every trial with every seed as ordinary runs, all or none, and answers `202`; look at `links.self` until
    `status` is no longer `running`. An experiment without trials is calculated and answered with `200`."""
    experiment, wanted = _experiment(name), body or ExperimentRequest()
    if not experiment.trials:
        response.status_code = 200
        return _answer(experiment, None, [], {seed: observe(experiment, seed, {}) for seed in wanted.seeds}, "ended")
    digest = f"{name} {digest_of(wanted)}"

    def find() -> ExperimentAnswer | None:
        with database.read() as db:
            id = id_made_by(db, key, digest, EXPERIMENT_TAG)
        if id is None:
            return None
        response.status_code = 200
        response.headers["Location"] = f"/experiments/{name}/{id}"
        return _found(experiment, id, database)

    def create() -> ExperimentAnswer:
        id = new_id("exp")
        pairs = [(trial, seed) for seed in wanted.seeds for trial in experiment.trials]
        bodies = [_request(id, name, trial, experiment.trials[trial], seed) for trial, seed in pairs]
        faults = [experiment.trials[trial].fault for trial, _ in pairs]
        made = create_together(database, files, bodies, key, digest, faults)
        response.headers["Location"] = f"/experiments/{name}/{id}"
        response.headers["Retry-After"] = "1"
        queued = [
            TrialRun(trial=trial, seed=seed, run=run.id, status=run.status)
            for (trial, seed), run in zip(pairs, made, strict=True)
        ]
        return _answer(experiment, id, queued, {}, "running")

    return idempotency.once(find, create)


@router.get("/{name}/{id}", summary="What was observed, when its runs have ended")
def get_performance(name: Name, id: str, database: DatabaseDep) -> ExperimentAnswer:
    return _found(_experiment(name), id, database)


@router.get("/{name}/{id}/curve.{format}", summary="The curves of its trials in one picture", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(Conflict))  # fmt: skip
def experiment_curve(
    name: Name, id: str, format: Format, database: DatabaseDep, series: OneSeries = "train.loss", axis: OneAxis = "step"
) -> Response:
    """Of the first seed."""
    found = _runs(_experiment(name), id, database)
    first = {run.tags[TRIAL]: run for run in found if run.tags[SEED] == found[0].tags[SEED]}
    return curves_of(database, first, series, axis, format)


def _experiment(name: str) -> Experiment:
    if name not in EXPERIMENTS:
        raise NotFound(f"no experiment is called {name!r}{nearest(name, EXPERIMENTS)}; GET /experiments lists them")
    return EXPERIMENTS[name]


def _entry(experiment: Experiment) -> ExperimentEntry:
    return ExperimentEntry(
        name=experiment.name,
        title=experiment.title,
        lines=experiment.lines,
        claim=experiment.claim,
        right=experiment.right,
        trials=[
            TrialAnswer(
                name=name,
                request=dict(trial.request),
                slip=trial.fault,
                mistake=None if trial.fault is None else FAULTS[trial.fault].mistake,
            )
            for name, trial in experiment.trials.items()
        ],
    )


def _request(id: str, name: str, label: str, trial: Trial, seed: int) -> RunRequest:
    named = {"name": f"{name}: {label}, seed {seed}", "seed": seed + trial.seed_apart}
    tags = {EXPERIMENT_TAG: id, TRIAL: label, SEED: str(seed)}
    return RunRequest.model_validate(dict(trial.request) | named).model_copy(update={"tags": tags})


def _runs(experiment: Experiment, id: str, database: Database) -> list[Run]:
    with database.read() as db:
        there = runs_of_group(db, EXPERIMENT_TAG, id, MOST_SEEDS * MOST_TRIALS)
    found = [run for run in there if run.tags[TRIAL] in experiment.trials]
    if not found:
        raise NotFound(f"no {experiment.name} has the id {id!r}")
    return found


def _found(experiment: Experiment, id: str, database: Database) -> ExperimentAnswer:
    found = _runs(experiment, id, database)
    answered = [
        TrialRun(trial=run.tags[TRIAL], seed=int(run.tags[SEED]), run=run.id, status=run.status) for run in found
    ]
    if any(run.status not in ENDED for run in found):
        return _answer(experiment, id, answered, {}, "running")
    seeds, seen = {run.tags[SEED] for run in found}, {}
    for seed in sorted(seeds, key=int):
        facts = {run.tags[TRIAL]: facts_of(run, database) for run in found if run.tags[SEED] == seed}
        if facts.keys() == experiment.trials.keys() and all(one.ended for one in facts.values()):
            seen[int(seed)] = observe(experiment, int(seed), facts)
    return _answer(experiment, id, answered, seen, "ended" if len(seen) == len(seeds) else "incomplete")


def _answer(
    experiment: Experiment, id: str | None, trial_runs: list[TrialRun], seen: Mapping[int, Seen], status: str
) -> ExperimentAnswer:
    here = f"/experiments/{experiment.name}"
    links = {"self": here} if id is None else {"self": f"{here}/{id}", "curve": f"{here}/{id}/curve.png"}
    return ExperimentAnswer(
        id=id,
        name=experiment.name,
        claim=experiment.claim,
        right=experiment.right,
        status=status,
        runs=trial_runs,
        observed=_observed(experiment, seen) if seen else None,
        verdict=verdict(list(seen.values())) if seen else None,
        links=links,
    )


def _observed(experiment: Experiment, seen: Mapping[int, Seen]) -> Observed:
    over_seeds = spreads(list(seen.values()))
    return Observed(
        sentence=experiment.says(over_seeds),
        numbers={name: SpreadAnswer(**jsonable(vars(spread))) for name, spread in over_seeds.items()},
        seeds=[
            SeedAnswer(
                seed=seed, shown=one.shown, numbers=jsonable(dict(one.numbers)), details=jsonable(dict(one.details))
            )
            for seed, one in seen.items()
        ],
    )
