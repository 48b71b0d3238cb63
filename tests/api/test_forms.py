"""Headers that a client has set by hand, or a wrong option of curl, are recognised and named."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.support.archives import letters, png, zipped
from tests.support.runs import SMALL, ended, queue
from tests.support.served import serve

TABLE = b"rooms,price\n" + b"".join(b"%d,%d\n" % (number % 5, number) for number in range(40))
FILES = {"a table": TABLE, "an archive": zipped(letters())}


def form(name: str, data: bytes) -> bytes:
    """The body that a client makes of a form with one file."""
    return httpx.Request("POST", "http://localhost", files={name: ("a", data)}).read()


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_an_upload_that_curl_has_stripped_names_the_right_option(address: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    for option, codes in (("-d", ["upload_without_line_breaks"]), ("--data-binary", [])):
        command = ["curl", "-sS", option, f"@{tmp_path / 'file'}", f"http://{address}/datasets?name=sent&target=price"]
        answer = httpx.Response(200, content=subprocess.run(command, capture_output=True, check=True).stdout).json()
        assert [error for error in [answer.get("code")] if error] == codes, answer
    assert "--data-binary" in httpx.get(f"http://{address}/openapi.json").text


STRIPPED = "upload_without_line_breaks"


@pytest.mark.parametrize(
    ("path", "kind", "data", "code"),
    [
        ("/datasets?name=stripped", "application/zip", FILES["an archive"], STRIPPED),
        ("/datasets?name=stripped", "application/octet-stream", FILES["an archive"], STRIPPED),
        ("/datasets?name=stripped&target=price", "text/csv", TABLE, STRIPPED),
        ("/predict?run={run}", "image/png", png(), STRIPPED),
        ("/predict?run={run}", "text/csv", TABLE, STRIPPED),
        ("/predict?run={run}", "application/zip", FILES["an archive"], STRIPPED),
        ("/predict?run={run}", "application/x-www-form-urlencoded", png(), STRIPPED),
        ("/batches?run={run}", "application/zip", FILES["an archive"], STRIPPED),
        ("/batches?run={run}", "text/csv", TABLE, STRIPPED),
        ("/predict?run={run}", "application/x-www-form-urlencoded", b'{"instances": [[1]]}', "content_type_unknown"),
    ],
)
def test_a_file_that_curl_has_stripped_is_recognised_whatever_its_type(
    client: TestClient, path: str, kind: str, data: bytes, code: str
) -> None:
    """`curl -d @FILE` removes carriage returns, line feeds and zeros (curl(1), --data)."""
    run = serve(client, "run_stripped")
    sent = data.translate(None, b"\r\n\0")
    answer = client.post(path.format(run=run), content=sent, headers={"Content-Type": kind})
    assert (answer.json()["code"], "--data-binary" in answer.json()["detail"]) == (code, True), answer.text


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("/datasets?name=form", "application/zip", "form_under_another_type"),
        ("/datasets?name=form&target=price", "text/csv", "form_under_another_type"),
        ("/predict?run={run}", "image/png", "form_under_another_type"),
        ("/predict?run={run}", "application/json", "form_under_another_type"),
        ("/batches?run={run}", "application/zip", "form_under_another_type"),
        ("/runs", "application/json", "form_in_place_of_json"),
    ],
)
def test_a_form_of_curl_with_a_header_of_its_own_is_recognised(
    address: str, tmp_path: Path, path: str, kind: str, code: str
) -> None:
    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        ended(client, run := queue(client, SMALL))
    (tmp_path / "file").write_bytes(FILES["an archive"])
    command = ["curl", "-sS", "-F", f"file=@{tmp_path / 'file'}", "-H", f"Content-Type: {kind}"]
    printed = subprocess.run(
        [*command, f"http://{address}{path.format(run=run)}"], capture_output=True, check=True
    ).stdout
    assert json.loads(printed)["code"] == code, printed


@pytest.mark.parametrize("kind", ["application/zip", "text/csv", "application/octet-stream", ""])
def test_a_form_under_another_type_is_recognised_by_uploads(quick_client: TestClient, kind: str) -> None:
    body = form("file", FILES["an archive"])
    answer = quick_client.post("/datasets?name=form", content=body, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["code"]) == (422, "form_under_another_type")
    assert "leave the header out" in answer.json()["detail"]


def test_a_form_under_another_type_is_recognised_by_predictions(client: TestClient) -> None:
    run = serve(client, "run_forms")
    body = form("image", png())
    answer = client.post(f"/predict?run={run}", content=body, headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (422, "form_under_another_type")


@pytest.mark.parametrize("path", ["/datasets?name=form", "/predict?run={run}"])
def test_a_form_without_a_boundary_is_recognised(client: TestClient, path: str) -> None:
    run = serve(client, "run_boundary")
    headers = {"Content-Type": "multipart/form-data"}
    answer = client.post(path.format(run=run), content=form("file", png()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "form_without_boundary")


@pytest.mark.parametrize("kind", ["application/zip", "application/octet-stream"])
def test_a_form_is_recognised_though_its_first_line_comes_alone(quick_client: TestClient, kind: str) -> None:
    body = form("file", FILES["an archive"])
    pieces = iter([body[:40], body[40:90], body[90:]])
    answer = quick_client.post("/datasets?name=form", content=pieces, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "form_under_another_type")


@pytest.mark.parametrize("kind", ["image/png", "application/json", "application/zip", ""])
def test_a_form_under_another_type_is_recognised_by_predictions_of_any_type(client: TestClient, kind: str) -> None:
    run = serve(client, "run_forms")
    headers = {"Content-Type": kind} if kind else {}
    answer = client.post(f"/predict?run={run}", content=form("image", png()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "form_under_another_type")
    assert answer.json()["errors"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data", "text/plain"])
def test_an_address_that_reads_json_recognises_a_form(quick_client: TestClient, kind: str) -> None:
    answer = quick_client.post("/runs", content=form("dataset", b"digits"), headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "form_in_place_of_json")
    assert "-d '{…}'" in answer.json()["detail"]


@pytest.mark.parametrize("boundary", ["another", "", '""'])
@pytest.mark.parametrize("path", ["/datasets?name=form", "/predict?run={run}"])
def test_a_form_with_the_boundary_of_another_says_to_leave_it_to_the_client(
    client: TestClient, path: str, boundary: str
) -> None:
    run = serve(client, "run_boundary")
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = client.post(path.format(run=run), content=form("file", png()), headers=headers)
    assert answer.status_code == 400 and answer.json()["code"] in ("form_unreadable", "form_without_boundary")
    assert "leave the header" in answer.json()["detail"]


def test_the_most_pictures_of_a_request_stand_in_the_refusal_and_in_the_document(client: TestClient) -> None:
    run = serve(client, "run_many")
    files = [("image", ("a.png", png()))] * 256
    assert len(client.post(f"/predict?run={run}", files=files).json()["predictions"]) == 256
    refused = client.post(f"/predict?run={run}", files=[*files, files[0]])
    assert (refused.status_code, refused.json()["code"]) == (413, "too_many_files")
    assert "at most 256" in refused.json()["detail"]
    document = client.get("/openapi.json").json()
    assert document["components"]["schemas"]["Pictures"]["properties"]["image"]["maxItems"] == 256
    assert "256" in document["paths"]["/predict"]["post"]["description"]
