"""Experiments: each tests a claim of the lecture by comparing runs."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import Path, Response

from app.api.addresses import address
from app.api.deps import SLOW, DatabaseDep, FilesDep, FormatDep, Key, accepted, repeated
from app.api.group_curves import OneAxis, OneSeries, group_picture
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.experiments import (
    ID,
    LINEAR_COLLAPSE,
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
from app.api.scopes import READ, TRAIN
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.experiments import EXPERIMENTS
from app.insight.experiments.experiment import Experiment, Seen, spreads, verdict
from app.insight.experiments.faults import FAULTS
from app.runs.experiments import (
    SEED,
    TRIAL,
    calculated,
    experiment_named,
    latest,
    perform,
    performance,
    runs_of_performance,
)
from app.runs.submission import fingerprint
from app.storage.database import Database
from app.storage.jsonable import jsonable
from app.storage.tables import Run

router = Router(prefix="/experiments", tags=["experiments"], responses=problems(NotFound, Invalid))

Name = Annotated[str, Path(description="an experiment's name", examples=[LINEAR_COLLAPSE])]
Id = Annotated[str, Path(description="id of a started experiment", examples=[ID])]


@router.get("", summary="List experiments, each of which tests a claim of the lecture", dependencies=[READ])
def list_experiments(database: DatabaseDep) -> ExperimentList:
    """Each with the claim, what is true of it, and the trainings that show it."""
    started = latest(database)
    return ExperimentList(items=[_entry(experiment, started) for experiment in EXPERIMENTS.values()])


@router.get("/{name}", summary="Get one experiment: the claim, what is true of it, its trials", dependencies=[READ])
def get_experiment(name: Name, database: DatabaseDep) -> ExperimentEntry:
    """Start it with `POST /experiments/{name}`."""
    return _entry(experiment_named(name), latest(database))


AT_ONCE: dict[int | str, dict[str, Any]] = {
    200: {"model": ExperimentAnswer, "description": "Calculated at once, or started earlier with this key"}
}


@router.post("/{name}", summary="Start an experiment", status_code=202,
             responses=problems(NotFound, Malformed, Conflict, Invalid) | AT_ONCE, dependencies=[TRAIN])  # fmt: skip
def start_experiment(
    name: Name,
    database: DatabaseDep,
    files: FilesDep,
    response: Response,
    body: ExperimentRequest | None = None,
    key: Key = None,
) -> ExperimentAnswer:
    """Queues an ordinary run for every trial and seed, all or none, and answers `202`. Poll `links.self` until `status`
    is no longer `running`. An experiment without trials is calculated at once and answered with `200`."""
    experiment, wanted = experiment_named(name), body or ExperimentRequest()
    if not experiment.trials:
        response.status_code = 200
        return _answer(experiment, None, [], {seed: calculated(name, seed) for seed in wanted.seeds}, "ended")
    group = perform(database, files, experiment, wanted.seeds, key, f"{name} {fingerprint(wanted)}")
    here = address(f"/experiments/{name}/{group.id}")
    if not group.is_new:
        repeated(response, here)
        return _performed(experiment, group.id, database)
    accepted(response, here)
    return _answer(experiment, group.id, _trial_runs(member.run for member in group.members), {}, "running")


@router.get("/{name}/{id}", summary="Get the observations of a started experiment", dependencies=[READ])
def get_experiment_results(name: Name, id: Id, database: DatabaseDep) -> ExperimentAnswer:
    """Over the seeds whose runs have ended. `verdict` says whether they confirm what is true of the claim."""
    return _performed(experiment_named(name), id, database)


@router.get("/{name}/{id}/curve.{format}", summary="Draw the curves of all trials", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(Conflict), dependencies=[READ, SLOW])  # fmt: skip
def draw_experiment(
    name: Name,
    id: Id,
    format: FormatDep,
    database: DatabaseDep,
    series: OneSeries = "train.loss",
    axis: OneAxis = "step",
) -> Response:
    """The curves of the trials with the first seed."""
    runs = runs_of_performance(database, experiment_named(name), id)
    first = {run.tags[TRIAL]: run for run in runs if run.tags[SEED] == runs[0].tags[SEED]}
    return group_picture(database, first, series, axis, format)


def _entry(experiment: Experiment, started: Mapping[str, str]) -> ExperimentEntry:
    return ExperimentEntry(
        name=experiment.name,
        latest=started.get(experiment.name),
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


def _performed(experiment: Experiment, id: str, database: Database) -> ExperimentAnswer:
    now = performance(database, experiment, id)
    return _answer(experiment, id, _trial_runs(now.runs), now.observations, now.status)


def _trial_runs(runs: Iterable[Run]) -> list[TrialRun]:
    return [TrialRun(trial=run.tags[TRIAL], seed=int(run.tags[SEED]), run=run.id, status=run.status) for run in runs]


def _answer(
    experiment: Experiment, id: str | None, trial_runs: list[TrialRun], seen: Mapping[int, Seen], status: str
) -> ExperimentAnswer:
    here = address(f"/experiments/{experiment.name}")
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
