"""Bodies in another encoding than UTF-8, or compressed: the answer says what is wrong, and where."""

import gzip
import zlib

import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.archives import png
from tests.support.served import serve

JSON = {"Content-Type": "application/json"}


def sent(client: TestClient, body: bytes, path: str = "/runs", **headers: str) -> httpx.Response:
    return client.post(path, content=body, headers=JSON | headers)


def test_json_that_is_not_utf8_says_which_byte_and_where(quick_client: TestClient) -> None:
    answer = sent(quick_client, '{"dataset": "digits",\n "name": "Stra\xdfe"}'.encode("latin-1"))
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (400, "body_not_utf8")
    assert problem["params"] == {"byte": "0xDF", "place": 37, "line": 2, "after": ' "name": "Stra'}
    assert "0xDF" in problem["detail"] and problem["errors"][0]["pointer"] == ""


@settings(max_examples=10)
@given(before=st.text(max_size=30), wrong=st.integers(0xF8, 0xFF), after=st.text(max_size=5))
def test_the_place_of_the_byte_is_right_whatever_stands_around_it(
    quick_client: TestClient, before: str, wrong: int, after: str
) -> None:
    beginning = f'{{"name": "{before}'.encode(errors="replace")
    body = beginning + bytes([wrong]) + after.encode(errors="replace")
    params = sent(quick_client, body).json()["params"]
    assert (params["byte"], params["place"]) == (f"0x{wrong:02X}", len(beginning) + 1)


@pytest.mark.parametrize("body", [b"\xed\xa0\x80{", b"--\xed\xa0\x80", b'{"name": \xed\xa0\x80}'])
def test_half_a_character_in_broken_json_is_a_clients_mistake(quick_client: TestClient, body: bytes) -> None:
    answer = sent(quick_client, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "json_invalid")


def test_a_prediction_says_so_too(client: TestClient) -> None:
    run = serve(client, "run_bytes")
    answer = sent(client, b'{"instances": "\xe9"}', f"/predict?run={run}")
    assert (answer.status_code, answer.json()["code"]) == (400, "body_not_utf8")
    assert answer.json()["params"]["place"] == 16


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "gzip, gzip"])
@pytest.mark.parametrize("path", ["/runs", "/predict", "/datasets?name=packed", "/nothing"])
def test_a_compressed_body_is_refused_with_what_is_accepted(quick_client: TestClient, path: str, encoding: str) -> None:
    packed = gzip.compress(b'{"dataset": "digits"}') if encoding == "gzip" else zlib.compress(png())
    answer = sent(quick_client, packed, path, **{"Content-Encoding": encoding})
    assert (answer.status_code, answer.json()["code"]) == (415, "content_encoding")
    assert answer.headers["Accept-Encoding"] == "identity" and encoding in answer.json()["detail"]


def test_a_body_that_says_that_it_is_not_compressed_is_taken(quick_client: TestClient) -> None:
    answer = sent(quick_client, b'{"model": {"preset": "linear"}}', "/architectures/inspect",
                  **{"Content-Encoding": "identity"})  # fmt: skip
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "content", "pointer"),
    [
        ("GET", "/runs?status=done", b"", "status"),
        ("GET", "/runs?tag=untold", b"", "tag"),
        ("POST", "/runs/cancel", b"", ""),
        ("POST", "/datasets?name=empty", b"", ""),
        ("POST", "/predict?run={run}", png(size=(5, 5)), ""),
        ("POST", "/predict?run={run}", b"no picture", ""),
        ("GET", "/runs/{run}/events", b"", "Last-Event-ID"),
    ],
)
def test_every_invalid_request_names_what_is_wrong(
    client: TestClient, method: str, path: str, content: bytes, pointer: str
) -> None:
    run = serve(client, "run_pointers")
    headers = {"Content-Type": "image/png", "Last-Event-ID": "x"}
    answer = client.request(method, path.format(run=run), content=content, headers=headers)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert answer.json()["errors"][0]["code"] == answer.json()["code"]


def test_a_single_part_that_is_wrong_is_pointed_at(client: TestClient) -> None:
    run = serve(client, "run_part")
    answer = client.post(f"/predict?run={run}", files={"image": ("a.png", png(size=(5, 5)))})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/image/0"]
    empty = client.post("/datasets?name=empty", files={"images": ("a", b""), "labels": ("b", b"")})
    assert [error["pointer"] for error in empty.json()["errors"]] == ["/images"]
