"""Retry with pauses: the one policy for transient errors of databases, object stores and downloads."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger("antigrad.retry")


def retry(
    action: Callable[[], T],
    is_transient: Callable[[Exception], bool],
    pauses: Iterable[float],
    *,
    deadline: float = math.inf,
    sleep: Callable[[float], object] = time.sleep,
) -> T:
    """Call `action` until it succeeds, and return its result.

    Args:
        is_transient: true for an error that may go away by itself. Any other error is raised at once.
        pauses: seconds between tries, so there is one more try than pauses; `itertools.repeat` never gives up.
        deadline: in seconds of `time.monotonic()`. No try begins after it.

    Raises the last try's error.
    """
    for pause in pauses:
        try:
            return action()
        except Exception as error:
            if not is_transient(error) or time.monotonic() + pause > deadline:
                raise
            reason = str(error).partition("\n")[0]  # SQLAlchemy appends the statement
            log.warning("%s: %s; the next try is in %g s", type(error).__name__, reason, pause)
        sleep(pause)
    return action()
