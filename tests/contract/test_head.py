"""HEAD wherever GET is: the same status and headers, without a body."""

import io
import re
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.api.openapi import operations
from tests.support.rows import insert_run
from tests.support.services import Service

PLACES = {"{index}": "3", "{name}": "mlp", "{format}": "svg", "{version}": "1"}


def addresses(document: dict[str, Any]) -> list[str]:
    """An address of each GET: for some there is something, for others nothing."""
    paths = [path for path, method, _ in operations(document) if method == "get"]
    places = [PLACES | {"{id}": "run_head" if path.startswith("/runs/") else "digits"} for path in paths]
    return [
        *(re.sub(r"{\w+}", lambda place, values=values: values[place[0]], path)
          for path, values in zip(paths, places, strict=True)),
        "/", "/docs", "/openapi.json",
    ]  # fmt: skip


def test_each_get_answers_head_alike(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        request = client.post("/runs", json={"dataset": "digits"}).json()["request"]
        insert_run(db, "run_head", request=request)
    for address in addresses(client.get("/openapi.json").json()):
        get = client.get(address, follow_redirects=False)
        head = client.head(address, follow_redirects=False)
        assert head.status_code == get.status_code, address
        assert head.content == b"", address
        assert {name for name in head.headers} == {name for name in get.headers}, address
        if get.status_code < 400 and address != "/metrics":  # a scrape counts the one before
            assert head.headers.get("Content-Length") == get.headers.get("Content-Length"), address


def test_the_head_of_a_stream_comes_at_once(address: str) -> None:
    """The stream of a queued run stays open."""
    with httpx.Client(base_url=f"http://{address}") as real:
        run = real.post("/runs", json={"dataset": "digits", "stop": {"max_seconds": 600}}).json()["id"]
        for _ in range(2):  # on one connection
            head = real.head(f"/runs/{run}/events", timeout=10)
            assert head.status_code == 200 and head.headers["Content-Type"].startswith("text/event-stream")
            assert head.headers["X-Accel-Buffering"] == "no" and head.content == b""


def test_a_head_changes_nothing(quick_client: TestClient) -> None:
    for path in ("/predict", "/runs/cancel", "/optimizers/trajectory"):
        assert quick_client.head(path).status_code in (404, 405), path


def test_the_head_of_an_export_has_its_length(quick_client: TestClient) -> None:
    length = int(quick_client.head("/datasets/digits/export.npz").headers["Content-Length"])
    content = quick_client.get("/datasets/digits/export.npz").content
    assert len(content) == length and "inputs" in np.load(io.BytesIO(content))


@pytest.mark.parametrize("path", ["/runs", "/nothing"])
def test_refusals_have_no_body_either(quick_client: TestClient, path: str) -> None:
    answer = quick_client.head(path + "?x=1")
    assert answer.status_code in (404, 422) and answer.content == b""
