"""Retries: transient errors only, with the given pauses, and no try after the deadline."""

import logging
import time
from itertools import repeat

import pytest

from app.retry import retry


class Action:
    """An action that fails with each of the errors in turn, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = list(errors), 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError)


def test_a_transient_error_is_tried_again_after_each_pause_in_turn_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    action, slept = Action(TimeoutError("away\n[SQL: …]"), TimeoutError("still away")), list[float]()
    with caplog.at_level(logging.WARNING):
        assert retry(action, is_timeout, (1, 2, 4), sleep=slept.append) == "done"
    assert slept == [1, 2] and action.tries == 3
    assert caplog.messages == [
        "TimeoutError: away; the next try is in 1 s",
        "TimeoutError: still away; the next try is in 2 s",
    ]


def test_any_other_error_is_raised_at_once() -> None:
    action, slept = Action(TimeoutError(), ValueError("wrong"), TimeoutError()), list[float]()
    with pytest.raises(ValueError, match="wrong"):
        retry(action, is_timeout, repeat(0.2), sleep=slept.append)
    assert action.tries == 2 and slept == [0.2]


def test_the_last_error_is_raised_when_there_is_no_further_pause() -> None:
    action, slept = Action(TimeoutError("1"), TimeoutError("2"), TimeoutError("3"), TimeoutError("4")), list[float]()
    with pytest.raises(TimeoutError, match="3"):
        retry(action, is_timeout, (1, 2), sleep=slept.append)
    assert action.tries == 3 and slept == [1, 2]


def test_no_try_begins_after_the_deadline() -> None:
    action, slept = Action(TimeoutError("1"), TimeoutError("2")), list[float]()
    with pytest.raises(TimeoutError, match="1"):
        retry(action, is_timeout, repeat(10), deadline=time.monotonic() + 5, sleep=slept.append)
    assert action.tries == 1 and slept == []
