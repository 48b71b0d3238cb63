"""Inputs of /predict: EXIF rotation, numbers by shape or by column name, and no guessing."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.api.middleware import JSON_BYTES
from app.serving.picture_decoders import MAX_PIXELS
from app.settings import Settings
from tests.support.served import serve
from tests.support.services import client_of

PNG = {"Content-Type": "image/png"}
COLUMNS = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
PATIENT = dict(zip(COLUMNS, (59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.86, 87), strict=True))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with one run on pictures and one on a table."""
    with client_of(Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)) as client:
        serve(client, "run_pictures")
        serve(client, "run_table", "diabetes")
        yield client


def encoded(picture: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def asked(client: TestClient, picture: bytes, **params: str) -> httpx.Response:
    params = {"run": "run_pictures"} | params
    return client.post("/predict", params=params, content=picture, headers={"Content-Type": "image/x"})


def rows(client: TestClient, run: str, *instances: Any) -> httpx.Response:
    return client.post("/predict", params={"run": run}, json={"instances": list(instances)})


def test_others_are_answered_while_a_large_picture_is_worked_on(client: TestClient) -> None:
    noise = np.random.default_rng(0).integers(0, 4, (4000, 4000), np.uint8)
    large = encoded(Image.fromarray(noise), compress_level=1)
    took: list[float] = []

    def send() -> None:
        began = time.monotonic()
        files = [("image", ("a.png", large, "image/png"))] * 6
        answer = client.post("/predict", params={"run": "run_pictures", "fit": "true"}, files=files)
        took.append(time.monotonic() - began)
        assert len(answer.json()["predictions"]) == 6

    waited: list[float] = []
    sender = threading.Thread(target=send)
    sender.start()
    while sender.is_alive():
        began = time.monotonic()
        assert client.get("/healthz").status_code == 200
        waited.append(time.monotonic() - began)
    sender.join()
    assert max(waited) < took[0] / 2 and len(waited) > 5, (took, max(waited), len(waited))


def test_a_request_has_a_budget_of_pixels(client: TestClient) -> None:
    blank = encoded(Image.new("1", (5000, 5000)))
    assert len(blank) < 2**16 and asked(client, blank, fit="true").status_code == 200
    files = [("image", ("a.png", blank, "image/png"))] * 5
    refused = client.post("/predict", params={"run": "run_pictures", "fit": "true"}, files=files)
    assert refused.status_code == 413 and f"{MAX_PIXELS:,}" in refused.json()["detail"]


def test_of_several_pictures_those_that_are_wrong_are_named(client: TestClient) -> None:
    good, large = encoded(Image.new("L", (28, 28))), encoded(Image.new("L", (30, 28)))
    files = [("image", (f"{place}.png", data)) for place, data in enumerate((good, b"broken", good, good[:40], large))]
    refused = client.post("/predict", params={"run": "run_pictures"}, files=files)
    assert refused.status_code == 422
    errors = {error["pointer"]: error["detail"] for error in refused.json()["errors"]}
    assert errors.keys() == {"/image/1", "/image/3", "/image/4"}
    assert "not a readable picture" in errors["/image/1"] and "30×28" in errors["/image/4"]
    assert refused.json()["detail"].startswith("/image/1: this is not a readable picture")
    alone = client.post("/predict", params={"run": "run_pictures"}, files=files[1:2])
    assert alone.status_code == 422 and alone.json()["detail"].startswith("this is not a readable picture")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF"])
def test_a_picture_is_turned_as_the_camera_was_held(client: TestClient, format: str) -> None:
    upright = Image.fromarray(np.repeat(np.arange(0, 224, 8, np.uint8)[:, None], 28, 1))  # dark above, light below
    options = {"quality": 100} if format == "JPEG" else {}
    wanted = asked(client, encoded(upright, format, **options), logits="true").json()["predictions"][0]
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    for orientation, held in turns.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(upright.transpose(held), format, exif=exif, **options)
        turned = asked(client, data, logits="true").json()["predictions"][0]
        assert turned["logits"] == pytest.approx(wanted["logits"], abs=0.02), orientation
    wide = encoded(Image.new("L", (28, 14)), format, exif=exif)
    assert "14×28" in asked(client, wide).json()["detail"]  # after the rotation


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pixels_of_which_nobody_knows_how_bright_they_are_are_refused(client: TestClient, mode: str) -> None:
    refused = asked(client, encoded(Image.new(mode, (28, 28)), "TIFF"))
    assert refused.status_code == 422 and "8 or 16 bits" in refused.json()["detail"]


def test_sixteen_bits_are_scaled_to_eight(client: TestClient) -> None:
    gray = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    deep = Image.fromarray(gray.astype(np.uint16) * 257)
    assert asked(client, encoded(deep, "TIFF")).json() == asked(client, encoded(Image.fromarray(gray))).json()


FLAT = [0.5] * 784
NESTED = [[0.5] * 28] * 28
WANTED = "784 numbers in a list, flat or nested as [28, 28]"


def test_numbers_have_the_limit_of_json_and_pictures_their_own(client: TestClient) -> None:
    refused = rows(client, "run_pictures", *[FLAT] * 1000)
    assert refused.status_code == 413 and f"{JSON_BYTES:,}" in refused.json()["detail"]
    fits = asked(client, encoded(Image.fromarray(np.zeros((28, 28), np.uint8))) + b"\0" * (JSON_BYTES + 1))
    assert fits.status_code == 200


def test_numbers_come_flat_or_nested(client: TestClient) -> None:
    answers = rows(client, "run_pictures", FLAT, NESTED, [NESTED]).json()["predictions"]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.parametrize(
    ("instance", "pointer", "said"),
    [
        (["0.5"] * 784, "/instances/1/0", "a string"),
        ([True] * 784, "/instances/1/0", "a boolean"),
        ([*FLAT[1:], None], "/instances/1/783", "null"),
        ("0.5", "/instances/1", "a string"),
        (0.5, "/instances/1", "a number"),
        ({"a": 1}, "/instances/1", "an object"),
        (FLAT[1:], "/instances/1", "has 783 numbers"),
        ([], "/instances/1", "has 0 numbers"),
        ([[0.5] * 14] * 56, "/instances/1", "has 56 rows, not 28"),
        ([*NESTED[1:], [0.5] * 27], "/instances/1/27", "has 27 numbers, not 28"),
        ([*NESTED[1:], 0.5], "/instances/1/27", "is a number"),
        ([[[[0.5]]]], "/instances/1", "nested 4 deep"),
    ],
)
def test_what_is_not_of_the_shape_is_refused_with_its_row(
    client: TestClient, instance: Any, pointer: str, said: str
) -> None:
    refused = rows(client, "run_pictures", FLAT, instance)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer and said in error["detail"] and WANTED in error["detail"]


def test_a_number_that_float32_cannot_hold_is_refused(client: TestClient) -> None:
    for number in (1e300, 10**400):
        refused = rows(client, "run_table", [number] * 10)
        assert refused.status_code == 422 and "finite" in refused.json()["detail"]


def test_a_row_may_be_given_by_the_names_of_its_columns(client: TestClient) -> None:
    shuffled = dict(reversed(PATIENT.items()))
    named, listed = rows(client, "run_table", shuffled, list(PATIENT.values())).json()["predictions"]
    assert named == listed


@pytest.mark.parametrize(
    ("row", "pointer", "said"),
    [
        ({name: PATIENT[name] for name in COLUMNS if name != "bmi"}, "/instances/0", "lacks bmi"),
        (PATIENT | {"agee": 3}, "/instances/0/agee", "did you mean 'age'"),
        (PATIENT | {"age": "59"}, "/instances/0/age", "is a string; give a number"),
    ],
)
def test_a_wrong_column_is_named(client: TestClient, row: dict[str, Any], pointer: str, said: str) -> None:
    refused = rows(client, "run_table", row)
    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer and said in error["detail"]


def test_an_answer_has_the_fields_of_its_task_and_no_others(client: TestClient) -> None:
    (label,) = rows(client, "run_pictures", FLAT).json()["predictions"]
    assert label.keys() == {"label", "probability", "top"}
    whole = rows(client, "run_table", list(PATIENT.values())).json()
    assert whole["predictions"][0].keys() == {"value"} and whole["run"] == "run_table" and whole["model"] is None


def test_a_missing_file_part_is_named(client: TestClient) -> None:
    picture = encoded(Image.new("L", (28, 28)))
    other = client.post("/predict", files={"picture": picture})
    assert other.status_code == 422 and "'picture'" in other.text and "-F image=@" in other.text
    text = client.post("/predict", data={"image": "a.png"}, files={"more": picture})
    assert text.status_code == 422 and "put an @" in text.json()["detail"]


def test_a_dataset_is_imported_as_pictures_are_served(tmp_path: Path) -> None:
    from tests.support.archives import png, zipped
    from tests.support.imports import imported

    exif = Image.Exif()
    exif[0x0112] = 6
    gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8))
    files = {
        "A/turned.png": encoded(gray.transpose(Image.Transpose.ROTATE_90), exif=exif),
        "A/float.tiff": encoded(Image.new("F", (28, 28)), "TIFF"),
        "B/0.png": png(),
    }
    found = imported(tmp_path, zipped(files))
    assert np.array_equal(found.arrays.inputs[0, 0], np.asarray(gray))
    assert [item["file"] for item in found.skipped] == ["A/float.tiff"] and "8 or 16" in found.skipped[0]["reason"]
