"""Limits on the predictions of a key in a second, counted in a moving window.

Each of several API processes counts for itself and grants its share, so together they grant at most the limit.
"""

import math
import time

from limits import RateLimitItem, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.access import Caller
from app.errors import Invalid, LimitReached


class PredictionRates:
    """The predictions that keys have made in the last seconds."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self.windows = MovingWindowRateLimiter(MemoryStorage())

    def count(self, caller: Caller, number: int) -> None:
        """Count predictions of a key. Raises LimitReached, or Invalid for more than it ever may make at once; then none
        of them counts."""
        limit = caller.limits.predictions
        if limit is None or caller.key is None:
            return
        window = share(limit, self.processes)
        if number > window.amount:
            raise Invalid("over_limit_predictions", "", number=number, limit=limit, most=window.amount)
        if self.windows.hit(window, caller.key, cost=number):
            return
        reset = self.windows.get_window_stats(window, caller.key).reset_time
        seconds = max(1, math.ceil(reset - time.time()))
        raise LimitReached("limit_predictions", seconds, limit=limit, number=number)


def share(limit: float, processes: int) -> RateLimitItem:
    """The predictions that one process grants: a whole number, in the shortest window of whole seconds that has one."""
    seconds = max(1, math.ceil(processes / limit))
    return RateLimitItemPerSecond(max(1, math.floor(limit * seconds / processes)), seconds)
