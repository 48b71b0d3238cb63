"""A dataset seen: numbers, classes, means, columns, and what training and test have in common."""

import io
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sklearn.datasets import load_diabetes

from app.datasets import statistics
from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.datasets.duplicates import NEAR, duplicates
from app.datasets.split import Split
from app.datasets.statistics import column_statistics
from tests.api.test_datasets import settled, upload
from tests.conftest import Workers
from tests.datasets.archives import png, zipped


def test_a_picture_is_given_as_its_numbers(quick_client: TestClient) -> None:
    found = quick_client.get("/datasets/notmnist/images/3.json").json()
    assert found["shape"] == [1, 28, 28] and found["channels"] == ["gray"] and found["label"] == "C"
    shown = Image.open(io.BytesIO(quick_client.get("/datasets/notmnist/images/3.png").content))
    assert np.array_equal(np.array(found["pixels"], np.uint8)[0], np.asarray(shown))
    assert quick_client.get("/datasets/notmnist/images/10000.json").status_code == 404
    assert quick_client.get("/datasets/diabetes/images/0.json").status_code == 404


def test_sizes_and_classes_of_each_part_are_told(quick_client: TestClient) -> None:
    found = quick_client.get("/datasets/notmnist/split").json()
    assert {part: found[part]["examples"] for part in found} == {"train": 6400, "validation": 1600, "test": 2000}
    assert {item["count"] for item in found["test"]["classes"]} == {200}  # stratified
    run = quick_client.post("/runs", json={"dataset": "notmnist", "split": {"test": 1000, "validation": 500}}).json()
    found = quick_client.get("/datasets/notmnist/split", params={"run": run["id"]}).json()
    assert [found[part]["examples"] for part in ("train", "validation", "test")] == [8500, 500, 1000]
    assert run["environment"]["examples"] == {"train": 8500, "validation": 500, "test": 1000}
    run = quick_client.post(
        "/runs", json={"dataset": "digits", "split": {"folds": 3, "fold": 2, "validation": 0}}
    ).json()
    found = quick_client.get("/datasets/digits/split", params={"run": run["id"]}).json()
    assert [found[part]["examples"] for part in ("train", "validation", "test")] == [1198, 0, 599]
    assert "test" not in run["request"]["split"]  # the folds say it
    again = quick_client.post(f"/runs/{run['id']}/again", json={"split": {"fold": 1}}).json()
    assert again["request"]["split"] == run["request"]["split"] | {"fold": 1}


@pytest.mark.parametrize(
    ("split", "pointer"),
    [
        ({"test": 1.5}, "/split/test"),
        ({"validation": 500, "test": 9500}, "/split"),
        ({"folds": 1}, "/split/folds"),
        ({"folds": 5, "fold": 5}, "/split"),
        ({"fold": 1}, "/split"),
        ({"own": True}, "/split/own"),
        ({"own": True, "folds": 3}, "/split"),
        ({"folds": 5, "test": 0.3}, "/split"),
        ({"own": True, "test": 0.3}, "/split"),
    ],
)
def test_a_split_that_cannot_be_is_refused(quick_client: TestClient, split: dict[str, Any], pointer: str) -> None:
    answer = quick_client.post("/runs", json={"dataset": "notmnist", "split": split})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"].startswith(pointer), answer.text


def test_statistics_of_pictures_are_those_of_their_pixels(quick_client: TestClient) -> None:
    found = quick_client.get("/datasets/digits/statistics").json()
    pixels = BUILTIN["digits"].load().inputs
    assert found["mean"] == pytest.approx(pixels.mean()) and found["std"] == pytest.approx(pixels.std())
    targets = BUILTIN["digits"].load().targets
    assert found["class_means"]["7"] == pytest.approx(pixels[targets == 7].mean())
    assert found["examples"] == 1797 and found["columns"] is None
    train = quick_client.get("/datasets/digits/statistics", params={"part": "train"}).json()
    assert train["examples"] == 1149


def test_mean_pictures_are_drawn(quick_client: TestClient) -> None:
    picture = Image.open(io.BytesIO(quick_client.get("/datasets/digits/means.png").content))
    assert picture.size == (12 * 92 + 8, 110 + 8)
    assert quick_client.get("/datasets/diabetes/means.png").status_code == 404


def test_statistics_of_a_table_are_by_column(quick_client: TestClient) -> None:
    found = quick_client.get("/datasets/diabetes/statistics").json()
    table = load_diabetes(scaled=False)
    age = found["columns"][0]
    assert age["name"] == "age" and age["mean"] == pytest.approx(table.data[:, 0].mean())
    assert sum(age["histogram"]["counts"]) == 442 and len(age["histogram"]["edges"]) == 21
    assert age["correlation"] == pytest.approx(np.corrcoef(table.data[:, 0], table.target)[0, 1], abs=1e-5)
    np.testing.assert_allclose(found["correlations"], np.corrcoef(table.data.T), atol=1e-5)
    assert found["target"]["max"] == table.target.max()


def test_what_is_missing_or_constant_does_not_spoil_the_statistics() -> None:
    rows = np.array([[1, np.nan, 5, np.nan], [2, 4, 5, np.nan], [3, 2, 5, np.nan]], np.float32)
    found = column_statistics(Arrays(rows, np.array([1, 2, 3], np.float32)), np.arange(3))
    assert [column["missing"] for column in found["columns"]] == [0, 1, 0, 3]
    assert [column["correlation"] for column in found["columns"]] == [1.0, -1.0, None, None]
    assert found["columns"][3]["histogram"] is None


def some(count: int, seed: int, shape: tuple[int, ...] = (1, 28, 28)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 200, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (1, 5, 90), (3, 224, 224)])
def test_test_pictures_that_the_training_part_has_are_found(shape: tuple[int, ...]) -> None:
    train, test = some(30, 0, shape), some(10, 1, shape)
    test[3] = train[7]
    test[5] = train[9] + np.uint8(NEAR - 2)
    test[6] = train[11] + np.uint8(NEAR + 30)
    arrays = Arrays(np.concatenate([train, test]), np.arange(40) % 2, ("a", "b"))
    found = duplicates(arrays, Split(np.arange(30), np.arange(0), np.arange(30, 40)))
    assert [(twin.test, twin.train) for twin in found.twins] == [(33, 7), (35, 9)]
    assert found.twins[0].distance == 0 and found.twins[1].distance == pytest.approx(NEAR - 2, abs=0.1)


def test_rows_that_are_in_both_parts_are_found() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    rows[15] = rows[2]
    arrays = Arrays(rows, np.zeros(20, np.float32))
    found = duplicates(arrays, Split(np.arange(10), np.arange(0), np.arange(10, 20)))
    assert [(twin.test, twin.train) for twin in found.twins] == [(15, 2)] and found.compared == 10


def test_notmnist_has_what_it_is_known_for(quick_client: TestClient) -> None:
    found = quick_client.get("/datasets/notmnist/duplicates").json()
    assert found["compared"] == 2000 and 50 < found["found"] < 120
    assert all(item["same_label"] for item in found["items"])
    assert [item["distance"] for item in found["items"]] == sorted(item["distance"] for item in found["items"])


def test_targets_of_any_size_and_sign_are_no_classes(client: TestClient, workers: Workers) -> None:
    workers.start()
    rows = "".join(f"{number},{(-1) ** number * 10**9 * number}\n" for number in range(1, 30))
    upload(client, "large&target=y", f"x,y\n{rows}".encode())
    assert settled(client, "large")["status"] == "ready"
    assert client.get("/datasets/large/split").json()["train"]["classes"] == []
    found = client.get("/datasets/large/statistics").json()
    assert found["classes"] == [] and found["target"]["min"] == pytest.approx(-29e9) and found["rows"] == 29


def test_what_cannot_be_split_can_be_looked_at(client: TestClient, workers: Workers) -> None:
    workers.start()
    upload(client, "few", zipped({"A/0.png": png(0), "A/1.png": png(1), "B/0.png": png(2)}))
    assert settled(client, "few")["status"] == "ready"
    for look in ("preview.png?part=all", "statistics", "means.png", "images/2.json", "images/2.png"):
        assert client.get(f"/datasets/few/{look}").status_code == 200, look
    assert client.get("/datasets/few/split").status_code == 422


def test_of_a_very_large_table_some_rows_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MOST_NUMBERS", 100)
    rows = np.random.default_rng(0).normal(size=(1000, 2)).astype(np.float32)
    assert column_statistics(Arrays(rows, rows[:, 0]), np.arange(1000))["rows"] == 50
