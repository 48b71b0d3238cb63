"""`GET /runs/{id}/examples`: what a run predicts for each example of a part."""

from collections import Counter
from itertools import pairwise

import pytest
from fastapi.testclient import TestClient

from app.serving import part_predictions
from tests.support.rows import insert_run
from tests.support.served import serve
from tests.support.services import Service


def examples(client: TestClient, run: str, **query: str | int | bool) -> dict:
    answer = client.get(f"/runs/{run}/examples", params={"limit": 200, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def classifier(quick_client: TestClient) -> str:
    return serve(quick_client, "run_examples_of_digits")


@pytest.fixture(scope="module")
def regression(quick_client: TestClient) -> str:
    return serve(quick_client, "run_examples_of_diabetes", "diabetes")


def test_every_example_stands_in_one_cell(quick_client: TestClient, classifier: str) -> None:
    whole = examples(quick_client, classifier)
    assert whole["count"] == quick_client.get("/datasets/digits/split").json()["test"]["examples"]
    cells = Counter((item["label"], item["predicted"]) for item in whole["items"])
    label, predicted = next(iter(cells))
    cell = examples(quick_client, classifier, label=label, predicted=predicted)
    assert {(item["label"], item["predicted"]) for item in cell["items"]} == {(label, predicted)}
    counts = [examples(quick_client, classifier, label=str(digit), limit=1)["count"] for digit in range(10)]
    assert sum(counts) == whole["count"]


def test_the_most_certain_come_first_and_are_what_predict_says(quick_client: TestClient, classifier: str) -> None:
    items = examples(quick_client, classifier, mistakes=True)["items"]
    assert all(item["label"] != item["predicted"] for item in items)
    assert all(a["probability"] >= b["probability"] for a, b in pairwise(items))
    worst = items[0]
    picture = quick_client.get(f"/datasets/digits/images/{worst['index']}.png").content
    asked = {"params": {"run": classifier}, "headers": {"Content-Type": "image/png"}}
    [answer] = quick_client.post("/predict", content=picture, **asked).json()["predictions"]
    assert answer["label"] == worst["predicted"]
    assert answer["probability"] == pytest.approx(worst["probability"], abs=1e-6)


def test_of_values_the_largest_errors_come_first(quick_client: TestClient, regression: str) -> None:
    items = examples(quick_client, regression)["items"]
    errors = [abs(item["label"] - item["predicted"]) for item in items]
    assert all(a >= b for a, b in pairwise(errors)) and {item["probability"] for item in items} == {None}


def test_parts_are_those_of_the_run(quick_client: TestClient, classifier: str) -> None:
    query = {"part": "validation", "label": "3", "limit": 200}
    listed = quick_client.get("/datasets/digits/samples", params=query).json()["items"]
    found = examples(quick_client, classifier, part="validation", label="3")["items"]
    assert {item["index"] for item in listed} == {item["index"] for item in found} and listed


@pytest.mark.parametrize("field", ["label", "predicted"])
def test_an_unknown_class_is_refused(quick_client: TestClient, classifier: str, field: str) -> None:
    refused = quick_client.get(f"/runs/{classifier}/examples", params={field: "eleven"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "no_such_class")


def test_what_takes_long_is_left_to_a_batch(
    quick_client: TestClient, classifier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_predictions, "MOST_PRODUCTS", 1)
    part_predictions.part_predictions.cache_clear()
    refused = quick_client.get(f"/runs/{classifier}/examples")
    assert (refused.status_code, refused.json()["code"]) == (409, "part_takes_long")


def test_a_run_without_weights_has_none(quick_client: TestClient) -> None:
    with Service.of(quick_client).database.write() as db:
        insert_run(db, "run_examples_without_weights", status="failed")
    refused = quick_client.get("/runs/run_examples_without_weights/examples")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_weights")
