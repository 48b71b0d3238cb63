"""Division of requests: each run gets its share, and a sticky text always gets the same run."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from app.serving.traffic import choose, point_of

SHARES = {"run_a": 0.7, "run_b": 0.2, "run_c": 0.1}
COUNT = 20_000


@pytest.mark.parametrize("sticky", [True, False], ids=["texts", "at random"])
def test_each_run_gets_its_share(sticky: bool) -> None:
    seen = Counter(choose(SHARES, point_of("letters", f"user {k}" if sticky else None)) for k in range(COUNT))
    expected = [COUNT * share for share in SHARES.values()]
    assert chisquare([seen[run] for run in SHARES], expected).pvalue > 1e-6


@given(st.text(), st.text())
def test_a_text_stays_with_its_run(model: str, text: str) -> None:
    assert choose(SHARES, point_of(model, text)) == choose(SHARES, point_of(model, text))


def test_texts_are_divided_anew_by_each_model() -> None:
    runs = [[choose(SHARES, point_of(model, str(k))) for k in range(200)] for model in ("letters", "digits")]
    assert runs[0] != runs[1]


def test_a_run_that_gets_more_keeps_the_texts_that_it_has() -> None:
    texts = [str(k) for k in range(2000)]
    before = {text for text in texts if choose({"run_b": 0.1, "run_a": 0.9}, point_of("letters", text)) == "run_b"}
    after = {text for text in texts if choose({"run_b": 0.3, "run_a": 0.7}, point_of("letters", text)) == "run_b"}
    assert before < after


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=10), st.floats(0, 1, exclude_max=True))
def test_every_point_belongs_to_a_run_in_spite_of_rounding(parts: list[float], point: float) -> None:
    shares = {f"run_{k}": part / sum(parts) for k, part in enumerate(parts)}
    assert choose(shares, point) in shares
