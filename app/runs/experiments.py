"""Performances of experiments: a group of runs, one for each trial and seed, and the observations in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from app.constants import ENDED, EXPERIMENT_TAG, RESERVED_TAGS
from app.errors import NotFound
from app.insight.experiments import EXPERIMENTS, observe
from app.insight.experiments.experiment import Experiment, Seen, Trial
from app.runs.facts import facts_of
from app.runs.groups import GroupKind, SubmittedGroup, members, submit_group
from app.runs.requests import RunRequest
from app.runs.submission import NewRun
from app.storage import run_groups
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run
from app.suggestions import closest

MOST_SEEDS = 5
MOST_TRIALS = max(len(experiment.trials) for experiment in EXPERIMENTS.values())
GROUP = GroupKind(EXPERIMENT_TAG, "exp", MOST_SEEDS * MOST_TRIALS)
NAME = ": "  # between an experiment's name and the rest of the name of a run
TRIAL, SEED = f"{RESERVED_TAGS}trial", f"{RESERVED_TAGS}seed"  # tags of each member


@dataclass(frozen=True)
class Performance:
    """The runs of one performance, and the observations by seed of all seeds whose runs have ended.

    `status` is running, ended, or incomplete if a run was cancelled, deleted or has failed.
    """

    runs: Sequence[Run]
    observations: Mapping[int, Seen]
    status: str


@dataclass(frozen=True)
class _Ended:
    """Ended runs of one seed. What is observed in them changes only if one goes on, and then it ends later."""

    experiment: str
    seed: int
    ends: tuple[tuple[str, float | None], ...]
    runs: tuple[Run, ...] = field(compare=False)
    database: Database = field(compare=False)


def perform(
    database: Database, files: Files, experiment: Experiment, seeds: Sequence[int], key: str | None, digest: str
) -> SubmittedGroup:
    """Queue every trial with every seed, all or none. Raises what `submit` raises."""
    new = [_new_run(experiment.name, name, trial, seed) for seed in seeds for name, trial in experiment.trials.items()]
    return submit_group(database, files, GROUP, new, key, digest)


def performance(database: Database, experiment: Experiment, id: str) -> Performance:
    """The present state of the performance with this id. Raises NotFound."""
    runs = runs_of_performance(database, experiment, id)
    if any(run.status not in ENDED for run in runs):
        return Performance(runs, {}, "running")
    seeds = sorted({int(run.tags[SEED]) for run in runs})
    observations = {}
    for seed in seeds:
        of_seed = tuple(run for run in runs if run.tags[SEED] == str(seed))
        ends = tuple((run.id, run.finished_at) for run in of_seed)
        seen = _observed(_Ended(experiment.name, seed, ends, of_seed, database))
        if seen is not None:
            observations[seed] = seen
    return Performance(runs, observations, "ended" if len(observations) == len(seeds) else "incomplete")


@lru_cache(100)  # it reads the curves of all runs, and a page shows several experiments
def _observed(ended: _Ended) -> Seen | None:
    """The observation of one seed; None if a run is missing or has not ended by itself."""
    facts = {run.tags[TRIAL]: facts_of(run, ended.database) for run in ended.runs}
    experiment = EXPERIMENTS[ended.experiment]
    if facts.keys() != experiment.trials.keys() or not all(one.ended for one in facts.values()):
        return None
    return observe(experiment, ended.seed, facts)


@lru_cache(200)  # a page shows it again and again; it takes up to a second
def calculated(name: str, seed: int) -> Seen:
    """The observation of an experiment without trials, which is always the same for a seed."""
    return observe(EXPERIMENTS[name], seed, {})


def latest(database: Database) -> dict[str, str]:
    """The newest performance of each experiment that has been started, by the experiments' names."""
    with database.read() as db:
        groups = run_groups.newest(db, EXPERIMENT_TAG)
    found: dict[str, str] = {}
    for run, id in groups.items():
        name = run.partition(NAME)[0]
        found[name] = max(id, found.get(name, id))
    return found


def experiment_named(name: str) -> Experiment:
    """The experiment with this name. Raises NotFound."""
    if name not in EXPERIMENTS:
        raise NotFound("no_such_experiment", experiment=name, near=closest(name, EXPERIMENTS))
    return EXPERIMENTS[name]


def runs_of_performance(database: Database, experiment: Experiment, id: str) -> list[Run]:
    """The runs of a performance, oldest first, without deleted ones. Raises NotFound."""
    with database.read() as db:
        group = members(db, GROUP, id)
    runs = [run for run in group if run.tags[TRIAL] in experiment.trials]
    if not runs:
        raise NotFound("no_such_performance", experiment=experiment.name, id=id)
    return runs


def _new_run(experiment: str, name: str, trial: Trial, seed: int) -> NewRun:
    request = dict(trial.request) | {"name": f"{experiment}{NAME}{name}, seed {seed}", "seed": seed + trial.seed_apart}
    tags = {TRIAL: name, SEED: str(seed)}  # reserved, so a validated request can't contain them
    return NewRun(RunRequest.model_validate(request).model_copy(update={"tags": tags}), trial.fault)
