"""Headers that a client has set by hand, or a wrong option of curl, are recognised and named."""

import subprocess
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.support.archives import letters, png, zipped
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
