"""Several processes together grant no more predictions than the limit."""

import math

from hypothesis import given
from hypothesis import strategies as st

from app.access import Caller, Limits, Scope
from app.errors import LimitReached
from app.serving.rates import PredictionRates, share

rates = st.floats(0.001, 10_000) | st.integers(1, 1000).map(float)


@given(rates, st.integers(1, 64))
def test_the_shares_of_all_processes_are_within_the_limit(limit: float, processes: int) -> None:
    window = share(limit, processes)
    assert window.amount >= 1
    granted = processes * window.amount / window.get_expiry()
    assert granted <= limit or math.isclose(granted, limit)


@given(rates)
def test_one_process_grants_the_whole_limit_up_to_whole_numbers(limit: float) -> None:
    window = share(limit, 1)
    assert window.amount == max(1, math.floor(limit * window.get_expiry()))


def test_a_window_has_no_more_than_its_share_and_each_key_its_own() -> None:
    counted = PredictionRates(processes=2)
    callers = [Caller("s1", frozenset({Scope.PREDICT}), key, limits=Limits(predictions=0.02)) for key in ("a", "b")]
    granted = 0
    for caller in callers * 3:  # one in 100 seconds for each
        try:
            counted.count(caller, 1)
            granted += 1
        except LimitReached as refusal:
            assert refusal.retry_after is not None and 1 < refusal.retry_after <= 101
    assert granted == 2


def test_without_a_limit_nothing_is_counted() -> None:
    counted = PredictionRates(processes=1)
    for _ in range(3):
        counted.count(Caller("s1", frozenset({Scope.PREDICT}), "a"), 10**6)
    assert counted.windows.storage.events == {}  # type: ignore[attr-defined]
