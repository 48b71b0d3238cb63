"""Log of a share of a model's predictions, so that people can correct them."""

import random
from dataclasses import dataclass

from app.serving.predictor import Predictor
from app.serving.scores import Row, Scores
from app.serving.shadowing import Answered
from app.serving.write_behind import WriteBehind
from app.storage.ids import new_id
from app.storage.models import VersionKey
from app.storage.predictions import MOST_BYTES, Logged


@dataclass(frozen=True)
class LoggedShare:
    """A model's version, and the share of its requests that is logged."""

    version: VersionKey
    share: float


class PredictionLog:
    """Chooses requests at random, and stores what they asked and got."""

    def __init__(self, written: WriteBehind[Logged]) -> None:
        self.written = written

    def sample(self, of: LoggedShare, run: str, answered: Answered) -> list[str] | None:
        """The ids of a request's predictions, if it is chosen; None otherwise."""
        if answered.inputs.nbytes > MOST_BYTES or random.random() >= of.share:
            return None
        logged = [
            Logged(new_id("prd"), answered.owner, of.version, run, content.copy(), *_said(answered.predictor, row))
            for content, row in zip(answered.inputs, answered.rows, strict=True)
        ]
        self.written.add(*logged)
        return [item.id for item in logged]


def _said(predictor: Predictor, row: Row) -> tuple[str | None, float | None, float | None]:
    """Label, its probability, and value of a prediction."""
    if isinstance(row, Scores):
        return predictor.trained.classes[row.label], row.probability, None
    return None, None, row
