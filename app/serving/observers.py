"""Onlookers of predictions: the shadow of a model, and its log. A client's answer does not wait for them."""

from collections.abc import Sequence

from app.serving.prediction_log import PredictionLog
from app.serving.shadowing import Answered, Shadows
from app.serving.weights import Serves, Serving


class Observers:
    """Shadows and the log, as a model's version wants them. Belongs to one event loop."""

    def __init__(self, shadows: Shadows, log: PredictionLog) -> None:
        self.shadows, self.log = shadows, log

    def see(self, serving: Serving, serves: Serves, answered: Answered) -> Sequence[str] | None:
        """Compare a request with the shadow, and log it; returns the ids of its predictions if they are logged."""
        if serving.shadow is not None:
            self.shadows.mirror(serving.shadow, answered)
        return None if serving.log is None else self.log.sample(serving.log, serves.run, answered)
