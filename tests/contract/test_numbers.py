"""Numbers are those of JSON Schema, where 1.0 is an integer."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.runs import SMALL


@pytest.mark.parametrize(
    "wanted",
    [
        {"seed": 507981.0},
        {"batch_size": 16.0},
        {"stop": {"max_epochs": 2.0, "patience": 3.0}},
        {"model": {"layers": [{"type": "linear", "units": 8.0}]}},
        {"split": {"folds": 5.0, "fold": 1.0}},
        {"priority": -0.0},
    ],
    ids=str,
)
def test_a_whole_number_may_have_a_point(quick_client: TestClient, wanted: dict[str, Any]) -> None:
    answer = quick_client.post("/runs", json=SMALL | wanted)
    assert answer.status_code == 202, answer.text
    request = answer.json()["request"]
    for name, value in wanted.items():
        if isinstance(value, float):
            assert type(request[name]) is int and request[name] == value


def test_whole_numbers_in_lists_may_have_a_point(quick_client: TestClient) -> None:
    answer = quick_client.post("/architectures/inspect", json={"input_shape": [1.0, 8.0, 8.0], "outputs": 3.0})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("seed", [0.5, "1", True, 2.0**63, -1.0], ids=str)
def test_what_is_no_integer_of_the_range_is_refused(quick_client: TestClient, seed: Any) -> None:
    answer = quick_client.post("/runs", json=SMALL | {"seed": seed})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/seed"
