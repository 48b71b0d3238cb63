"""Lookup of the weights that predict: for a run, a model's name, a checkpoint, or by default."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.access import Caller
from app.errors import Conflict, NotFound
from app.serving.coalescing import KeptAnswers, SingleFlight
from app.serving.prediction_log import LoggedShare
from app.serving.shadowing import ShadowRun
from app.serving.traffic import choose, point_of
from app.storage import models, runs
from app.storage.change_counter import SQLiteCommits
from app.storage.database import Database
from app.storage.models import key_of
from app.storage.runs import Weights
from app.storage.tables import ModelVersion


class Asked(NamedTuple):
    """The requested run or model, and checkpoint step. If neither: the model `default`, else the newest run. Each is
    one that the caller sees."""

    caller: Caller
    run: str | None
    step: int | None
    model: str | None


class Serves(NamedTuple):
    """The run that predicts, the model name that led to it, and the file of its weights."""

    run: str
    model: str | None
    weights: str


@dataclass(frozen=True)
class Serving:
    """The runs that share the requests: the share of each, and the files of their weights."""

    model: str | None
    shares: Mapping[str, float]
    weights: Mapping[str, str]
    shadow: ShadowRun | None = None
    log: LoggedShare | None = None

    def choose(self, sticky: str | None = None) -> Serves:
        """The run for one request: always the same for a sticky text, by chance without one."""
        run = choose(self.shares, point_of(self.model or "", sticky) if len(self.shares) > 1 else 0.0)
        return Serves(run, self.model, self.weights[run])


WeightsQueries = KeptAnswers[Asked, Serving]


def weights_queries(database: Database) -> WeightsQueries:
    """Coalesced queries for runs and their weights files. On SQLite, which tells of each commit at once, answers are
    kept until there is one."""

    def find(asked: Asked) -> Serving:
        with database.of(asked.caller).read() as db:
            name, version = asked.model, None
            if asked.run is not None:
                found = [runs.weights(db, asked.run)]
                if name is not None:
                    models.refuse_other(db, name, asked.run)
            elif (version := models.default(db) if name is None else models.version_of(db, name)) is not None:
                name = name or version.model
                found = list(models.weights(db, version).values())
            elif newest := runs.newest_weights(db):
                found = [newest]
            else:
                raise NotFound("nothing_to_predict_with")
            if asked.step is not None:
                main = found[0].id if version is None else version.run
                found, version = [runs.checkpoint_weights(db, main, asked.step)], None
        return _serving(name, version, {weights.id: weights for weights in found})

    version = SQLiteCommits(database).read if database.is_sqlite else lambda: None
    return KeptAnswers(SingleFlight.in_threads(find), version)


def _serving(name: str | None, version: ModelVersion | None, found: Mapping[str, Weights]) -> Serving:
    """Raises Conflict for a run without weights."""
    shares = version.shares if version else dict.fromkeys(found, 1.0)
    files = {}
    for run in shares:
        status, file = found[run].status, found[run].weights
        if file is None:
            raise Conflict("run_cannot_predict", status=status, phrase=runs.status_phrase(status))
        files[run] = file
    return Serving(name, shares, files, _shadow(version, found), _log(version))


def _log(version: ModelVersion | None) -> LoggedShare | None:
    return None if version is None or version.log is None else LoggedShare(key_of(version), version.log)


def _shadow(version: ModelVersion | None, found: Mapping[str, Weights]) -> ShadowRun | None:
    if version is None or version.shadow is None:
        return None
    file = found[version.shadow["run"]].weights
    return None if file is None else ShadowRun(key_of(version), file, version.shadow["share"])
