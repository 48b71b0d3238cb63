"""Query parameters are known, and given once unless they take a list."""

import pytest
from fastapi.testclient import TestClient

from tests.support.runs import SMALL, queue


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/runs?status=queued&status=running", "status"),
        ("/runs?limit=1&tag=a:b&limit=2", "limit"),
        ("/datasets/digits/samples?part=train&part=train", "part"),
    ],
)
def test_a_parameter_that_takes_one_value_is_given_once(quick_client: TestClient, path: str, name: str) -> None:
    answer = quick_client.get(path)
    assert answer.status_code == 422
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [(name, "parameter_repeated")]


def test_predictions_refuse_repeated_parameters_too(quick_client: TestClient) -> None:
    answer = quick_client.post("/predict?run=run_a&run=run_b", json={"instances": [[1]]})
    assert answer.status_code == 422 and answer.json()["code"] == "parameter_repeated"


def test_cancelling_by_several_tags_cancels_only_runs_that_have_all(client: TestClient) -> None:
    runs = {
        (student, work): queue(client, SMALL | {"tags": {"student": student, "Übung": work}})
        for student in ("ä", "b") for work in ("1", "2")
    }  # fmt: skip
    answer = client.post("/runs/cancel", params={"tag": ["student:ä", "Übung:2"]})
    assert answer.json() == {"cancelled": 1}
    statuses = {tags: client.get(f"/runs/{run}").json()["status"] for tags, run in runs.items()}
    assert [tags for tags, status in statuses.items() if status == "cancelled"] == [("ä", "2")]


def test_a_key_with_a_colon_is_refused_since_no_filter_could_name_it(quick_client: TestClient) -> None:
    answer = quick_client.post("/runs", json=SMALL | {"tags": {"a:b": "c"}})
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == "tag_with_colon"
