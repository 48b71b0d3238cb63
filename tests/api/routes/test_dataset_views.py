"""Views of a dataset: pixels, classes, means, columns and duplicates."""

import io
import threading
import time
import tracemalloc
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from PIL import Image
from sklearn.datasets import load_diabetes

from app.api.routes import dataset_views
from app.datasets import duplicates as search
from app.datasets import statistics
from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.datasets.duplicates import NEAR, Duplicates, duplicates
from app.datasets.splits import Split
from app.datasets.statistics import column_statistics
from app.main import SLOW_AT_ONCE, SLOW_WAITING
from app.plots.previews import preview_png
from tests.support.archives import png, zipped
from tests.support.uploads import settled, upload
from tests.support.workers import Workers


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
    assert "test" not in run["request"]["split"]  # the folds define it
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


def cells(sheet: bytes, side: int) -> list[np.ndarray]:
    """The pictures of a sheet, row by row, in their original size."""
    shown, scale = np.asarray(Image.open(io.BytesIO(sheet))), 84 // side
    width = side * scale
    return [
        shown[top : top + width : scale, left : left + width : scale]
        for top in range(8 + 18, shown.shape[0], width + 18 + 8)
        for left in range(8, shown.shape[1] - 8, width + 8)
    ]


def test_mean_pictures_show_the_mean_and_the_spread_of_each_pixel(quick_client: TestClient) -> None:
    digits = BUILTIN["digits"].load()
    pixels = digits.inputs[:, 0].astype(np.float64)
    classes = [pixels[digits.targets == place].mean(0) for place in range(10)]
    shown = cells(quick_client.get("/datasets/digits/means.png").content, pixels.shape[1])
    expected = [pixels.mean(0), (2 * pixels.std(0)).clip(max=255), *classes]
    np.testing.assert_allclose(shown, expected, rtol=0, atol=1)
    assert quick_client.get("/datasets/diabetes/means.png").status_code == 404


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_preview_shows_the_pictures_of_that_part_of_that_run_and_no_others(
    quick_client: TestClient, part: str
) -> None:
    split = {"test": 20, "validation": 20, "seed": 5} if part != "train" else {"test": 1757, "validation": 20}
    run = quick_client.post("/runs", json={"dataset": "digits", "split": split}).json()["id"]
    asked = {"run": run, "part": part}
    items = quick_client.get("/datasets/digits/samples", params=asked).json()["items"]
    assert len(items) == 20
    pixels = BUILTIN["digits"].load().inputs
    sheet = quick_client.get("/datasets/digits/preview.png", params=asked | {"rows": 4, "columns": 5}).content
    shown = sorted(picture.tobytes() for picture in cells(sheet, pixels.shape[2]))
    assert shown == sorted(pixels[item["index"]].tobytes() for item in items)


def labelled(*labels: str) -> np.ndarray:
    """The line of labels above a row of pictures."""
    sheet = preview_png(np.zeros((len(labels), 1, 28, 28), np.uint8), list(labels), 1, len(labels))
    return np.asarray(Image.open(io.BytesIO(sheet)))[8:26]


@pytest.mark.parametrize(("one", "other"), [("Ж", "Щ"), ("Ω", "Σ"), ("ß", "é")])
def test_letters_of_europe_are_drawn_each_as_itself(one: str, other: str) -> None:
    assert not np.array_equal(labelled(one), labelled(other))


def test_letters_that_the_font_lacks_are_question_marks() -> None:
    assert np.array_equal(labelled("日本 (3)"), labelled("?? (3)"))
    assert np.array_equal(labelled("a\nb"), labelled("a?b"))


def test_long_labels_are_cut_to_their_cells_and_keep_their_index() -> None:
    long = [f"{word} " * 20 + f"({place})" for place, word in enumerate(("extraordinarily", "длинное", "wwww"))]
    drawn = labelled(*long)
    for left in (92, 184):  # between two pictures
        assert (drawn[:, left + 2 : left + 6] == 255).all()
    assert all((drawn[:, left : left + 84] < 255).any() for left in (8, 100, 192))
    assert not np.array_equal(labelled("a_kit_fox_in_the_snow (7)"), labelled("a_kit_fox_in_the_snow (8)"))


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


NUMBERS = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(-1e6, 1e6, width=32, allow_subnormal=False),
    st.sampled_from([np.nan, np.nan, 1e9, -1e30]),
)
TABLES = st.tuples(st.integers(0, 12), st.integers(1, 4)).flatmap(
    lambda shape: arrays_of.arrays(np.float32, shape, elements=NUMBERS)
)


def pairwise(x: np.ndarray, y: np.ndarray) -> float | None:
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < 2 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return None
    return float(np.corrcoef(x[both].astype(np.float64), y[both].astype(np.float64))[0, 1])


@given(TABLES, st.integers(1, 50))
def test_correlations_are_numpys_over_the_rows_that_have_both(rows: np.ndarray, at_once: int) -> None:
    target = np.arange(len(rows), dtype=np.float32) ** 2
    with patch.object(statistics, "NUMBERS_AT_ONCE", at_once):  # so that some tables are read in pieces
        found = column_statistics(Arrays(rows, target), np.arange(len(rows)))
    expected = [[pairwise(x, y) for y in rows.T] for x in rows.T]
    assert [[r is None for r in row] for row in found["correlations"]] == [[r is None for r in row] for row in expected]
    for mine, theirs in zip(found["correlations"], expected, strict=True):
        assert [r for r in mine if r is not None] == pytest.approx([r for r in theirs if r is not None], abs=1e-6)
    for column, x in zip(found["columns"], rows.T, strict=True):
        assert column["correlation"] == (None if (r := pairwise(x, target)) is None else pytest.approx(r, abs=1e-6))


def test_rows_that_have_only_one_of_two_columns_do_not_touch_their_correlation() -> None:
    x, y, constant = np.random.default_rng(0).normal(size=(3, 100)).astype(np.float32)
    x[:60], y[:60] = 1e9, np.nan
    constant[60:] = 0.1
    rows = np.stack([x, y, constant], 1)
    r = column_statistics(Arrays(rows, rows[:, 2]), np.arange(100))["correlations"]
    assert r[0][1] == r[1][0] == pytest.approx(np.corrcoef(x[60:], y[60:])[0, 1], abs=1e-6)
    assert r[1][2] is None and r[2][1] is None


def test_the_statistics_of_a_long_table_need_little_more_memory_than_it() -> None:
    rows = np.random.default_rng(0).normal(size=(100_000, 40)).astype(np.float32)
    table = Arrays(rows, rows[:, 0])
    tracemalloc.start()
    try:
        column_statistics(table, np.arange(100_000))
        assert tracemalloc.get_traced_memory()[1] < 5 * rows.nbytes
    finally:
        tracemalloc.stop()


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


@given(
    arrays_of.arrays(np.float32, (30, 2), elements=st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, np.nan])),
    st.permutations(range(30)),
    st.integers(1, 20),
)
def test_the_twin_of_a_row_is_the_first_equal_one(rows: np.ndarray, order: list[int], at_once: int) -> None:
    train, test = np.array(order[:20]), np.array(order[20:])
    with patch.object(search, "NUMBERS_AT_ONCE", at_once):
        found = duplicates(Arrays(rows, np.zeros(30, np.float32)), Split(train, np.arange(0), test))
    first = {rows[index].tobytes(): index for index in sorted(order[:20], reverse=True)}
    expected = [(index, first[key]) for index in order[20:] if (key := rows[index].tobytes()) in first]
    assert [(twin.test, twin.train) for twin in found.twins] == expected


def test_rows_that_only_share_a_hash_are_no_twins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_hashes", lambda rows: np.zeros(len(rows), np.uint64))
    rows = np.arange(20, dtype=np.float32)[:, None]
    assert duplicates(Arrays(rows, rows[:, 0]), Split(np.arange(10), np.arange(0), np.arange(10, 20))).twins == []


def test_of_a_very_large_test_part_some_examples_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Split(np.arange(100), np.arange(0), np.arange(100, 200))
    monkeypatch.setattr(search, "MOST_PRODUCTS", 7 * 100 * 784)
    pictures = np.concatenate([some(100, 0), some(100, 0)])
    found = duplicates(Arrays(pictures, np.arange(200) % 2, ("a", "b")), parts)
    assert found.compared == len(found.twins) == 7
    monkeypatch.setattr(search, "MOST_PICTURES", 3)
    assert duplicates(Arrays(pictures, np.arange(200) % 2, ("a", "b")), parts).compared == 3
    monkeypatch.setattr(search, "MOST_ROWS", 5)
    rows = np.tile(np.arange(100, dtype=np.float32), 2)[:, None]
    found = duplicates(Arrays(rows, rows[:, 0]), parts)
    assert [(twin.test - twin.train, found.compared) for twin in found.twins] == [(100, 5)] * 5


def test_searches_for_duplicates_take_turns_and_keep_nobody_else_waiting(
    quick_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    go_on = threading.Event()
    places = SLOW_AT_ONCE + SLOW_WAITING

    def slow(arrays: Arrays, parts: Split) -> Duplicates:
        begun.append(len(parts.test))
        assert go_on.wait(60)
        return Duplicates(0, [])

    monkeypatch.setattr(dataset_views, "duplicates", slow)
    with ThreadPoolExecutor(60) as clients:
        searches = [clients.submit(quick_client.get, "/datasets/digits/duplicates") for _ in range(50)]
        try:
            deadline = time.monotonic() + 60
            while sum(search.done() for search in searches) < 50 - places:  # the others have been sent away
                assert time.monotonic() < deadline
                time.sleep(0.01)
            other = clients.submit(quick_client.get, "/datasets/digits/samples")
            assert other.result(20).status_code == 200 and len(begun) == 1
        finally:
            go_on.set()
    answers = Counter(search.result().status_code for search in searches)
    assert answers == {200: places, 503: 50 - places} and len(begun) == places


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
