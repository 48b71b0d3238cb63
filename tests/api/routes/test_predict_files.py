"""Bodies of `/predict` that are files, and its answers as text and as tables."""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from numpy.typing import NDArray
from safetensors.numpy import save

from app.api.inputs import FILES
from tests.support.archives import npy, zipped
from tests.support.served import serve
from tests.support.services import Template

BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("files") / "home") as client:
        yield client


@pytest.fixture(scope="module")
def run(client: TestClient) -> str:
    return serve(client, "run_pictures")


@pytest.fixture(scope="module")
def table(client: TestClient) -> str:
    return serve(client, "run_table", "diabetes")


def npz(**arrays: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def predictions(client: TestClient, run: str, body: bytes, kind: str = "application/octet-stream") -> Any:
    answer = client.post("/predict", params={"run": run}, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_every_way_to_send_the_same_pictures_gives_the_same_answer(client: TestClient, run: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    expected = client.post(
        "/predict", params={"run": run}, json={"instances": pictures.reshape(5, 784).tolist()}
    ).json()["predictions"]
    others = {"labels": np.zeros(5)}
    bodies = [
        npy(pictures),
        npy(pictures[:, None]),
        npy(pictures[..., None]),
        npy(np.asfortranarray(pictures)),
        npy(pictures.reshape(5, 784).astype(np.float64)),
        npz(pictures=pictures),
        npz(images=pictures, **others),
        save({"x": pictures, "labels": np.zeros(5)}),
        save({"anything": pictures.astype(np.float32)}),
    ]
    for body in bodies:
        for given, wanted in zip(predictions(client, run, body), expected, strict=True):
            assert given["label"] == wanted["label"]
            assert given["probability"] == pytest.approx(wanted["probability"], abs=1e-6)
    assert len(predictions(client, run, npy(pictures[0]))) == 1
    declared = predictions(client, run, bodies[0], "application/x-npy")
    assert [given["label"] for given in declared] == [wanted["label"] for wanted in expected]


def test_five_thousand_pictures_come_in_one_request(client: TestClient, run: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (5000, 28, 28), dtype=np.uint8)
    assert len(predictions(client, run, npy(pictures))) == 5000


def test_the_pictures_of_an_archive_keep_their_names(client: TestClient, run: str) -> None:
    png = client.get("/datasets/digits/images/0.png").content
    archive = zipped({"a/2.png": png, "a/1.png": png, "__MACOSX/._1.png": b"junk"})
    answer = client.post("/predict?fit=true", params={"run": run}, content=archive, headers=BINARY).json()
    assert answer["inputs"] == ["a/2.png", "a/1.png"] and len(answer["predictions"]) == 2
    headers = {"Content-Type": "application/zip", "Accept": "text/csv"}
    written = client.post("/predict?fit=true", params={"run": run}, content=archive, headers=headers)
    lines = list(csv.DictReader(io.StringIO(written.text)))
    assert [line["input"] for line in lines] == ["a/2.png", "a/1.png"]
    assert written.headers["Content-Type"].startswith("text/csv")
    for line, prediction in zip(lines, answer["predictions"], strict=True):
        assert line["label"] == prediction["label"] and float(line["probability"]) == prediction["probability"]
        assert sum(float(value) for name, value in line.items() if name.startswith("probability of")) == pytest.approx(
            1
        )
    bad = zipped({"a.png": png, "b.png": b"no picture"})
    refused = client.post("/predict?fit=true", params={"run": run}, content=bad, headers=BINARY)
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/b.png"


def test_text_is_one_label_a_line(client: TestClient, run: str) -> None:
    body = npy(np.zeros((3, 28, 28), np.uint8))
    answer = client.post("/predict", params={"run": run}, content=body, headers=BINARY | {"Accept": "text/plain"})
    label = predictions(client, run, body)[0]["label"]
    assert answer.text == f"{label}\n" * 3 and answer.headers["Content-Type"].startswith("text/plain")
    headers = BINARY | {"Accept": "application/json;q=0.5, text/plain"}
    assert client.post("/predict", params={"run": run}, content=body, headers=headers).text == answer.text


def test_rows_come_as_csv_and_go_as_a_table(client: TestClient, table: str) -> None:
    names = client.get("/datasets/diabetes").json()["feature_names"]
    rows = np.random.default_rng(0).normal(size=(4, len(names))).astype(np.float32)
    lines = [",".join(names), *(",".join(map(repr, row)) for row in rows.tolist())]
    given = predictions(client, table, "\n".join(lines).encode(), "text/csv")
    instances = client.post("/predict", params={"run": table}, json={"instances": rows.tolist()}).json()["predictions"]
    assert [item["value"] for item in given] == pytest.approx([item["value"] for item in instances], rel=1e-5)
    arrays = predictions(client, table, npy(rows))
    assert [item["value"] for item in arrays] == pytest.approx([item["value"] for item in instances], rel=1e-5)
    headers = {"Content-Type": "text/csv", "Accept": "text/csv"}
    written = client.post("/predict", params={"run": table}, content="\n".join(lines).encode(), headers=headers).text
    assert written.splitlines()[0] == "input,value" and len(written.splitlines()) == 5


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        (lambda lines: [lines[0].replace("bmi", "zzz"), *lines[1:]], ["/line/1/zzz", "/line/1"]),
        (lambda lines: ["sep=,", *lines[:2], "", lines[2].replace("2.5", "high")], ["/line/5/bmi"]),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(
    client: TestClient, table: str, change: Callable[[list[str]], list[str]], pointers: list[str]
) -> None:
    names = client.get("/datasets/diabetes").json()["feature_names"]
    rows = [",".join("2.5" if name == "bmi" else "1" for name in names)] * 3
    content = "\n".join(change([",".join(names), *rows])).encode()
    refused = client.post("/predict", params={"run": table}, content=content, headers={"Content-Type": "text/csv"})
    assert refused.status_code == 422
    assert [error["pointer"] for error in refused.json()["errors"]] == pointers


class Evil:
    """An object that would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('unpickled')",)


def with_objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([Evil()], dtype=object), allow_pickle=True)
    return file.getvalue()


def bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("x.npy", npy(np.zeros((10, 28, 28), np.uint8)))
        with archive.open("y.npy", "w") as member:
            for _ in range(300):
                member.write(bytes(2**20))
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        *((kind, b"", "body_empty") for kind in (*FILES, "application/octet-stream", "text/csv", "image/png")),
        *((kind, b"no such file", "file_not_as_declared") for kind in FILES),
        ("application/x-npy", npy(np.zeros((5, 28, 28), np.uint8))[1:], "file_not_as_declared"),
        ("application/zip", b"PK\5\6" + bytes(18), "archive_without_pictures"),
    ],
)
def test_a_body_that_is_empty_or_damaged_is_refused_as_what_it_was_declared(
    client: TestClient, run: str, kind: str, body: bytes, code: str
) -> None:
    for address in ("/predict", "/batches"):
        if (address, code) == ("/batches", "archive_without_pictures"):
            continue  # its worker finds that out
        answer = client.post(address, params={"run": run}, content=body, headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (422, code), (address, answer.text)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (with_objects(), 422, "array_of_objects"),
        (npy(np.zeros((5, 28, 28), np.uint8))[:-100], 422, "array_cut_off"),
        (npy(np.zeros((5, 28, 27), np.uint8)), 422, "array_shape_differs"),
        (npy(np.zeros((5, 28, 28, 3), np.uint8)), 422, "array_shape_differs"),
        (npy(np.zeros((0, 28, 28), np.uint8)), 422, "instance_count"),
        (npy(np.full((1, 784), np.nan)), 422, "instance_not_finite"),
        (npy(np.full((1, 784), 1e300)), 422, "instance_not_finite"),
        (npy(np.array([["a"]])), 422, "array_type_unsupported"),
        (b"\x93NUMPY\x01\x00\xff\xff", 422, "array_unreadable"),
        (npz(a=np.zeros(784), b=np.zeros(784)), 422, "inputs_not_named"),
        (bomb(), 413, "unpacked_too_large"),
        (b"\x08\0\0\0\0\0\0\0{broken}", 422, "file_damaged"),
        (b"PK\3\4" + b"x" * 50, 422, None),
        (zipped({}), 422, None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_files_that_cannot_be_inputs_are_refused(
    client: TestClient, run: str, body: bytes, status: int, code: str | None
) -> None:
    answer = client.post("/predict", params={"run": run}, content=body, headers=BINARY)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code
