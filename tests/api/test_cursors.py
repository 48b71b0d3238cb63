"""Cursors of every list: one of another list is refused instead of answered with the wrong page."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import delete

from app.storage.tables import ModelVersion, Run
from tests.support.rows import insert_run
from tests.support.services import Service


@pytest.fixture(scope="module")
def lists(quick_client: TestClient, quick_service: Service) -> Iterator[list[str]]:
    """Every path of the document whose answer comes in pages."""
    with quick_service.database.write() as db:
        insert_run(db, "run_of_cursors")
        db.add(ModelVersion(model="cursors", version=1, run="run_of_cursors", created_at=1.0))
    paths = quick_client.get("/openapi.json").json()["paths"]
    yield [
        path.format(name="cursors")
        for path, operations in paths.items()
        if any(parameter["name"] == "cursor" for parameter in operations.get("get", {}).get("parameters", []))
    ]
    with quick_service.database.write() as db:
        db.execute(delete(ModelVersion).where(ModelVersion.model == "cursors"))
        db.execute(delete(Run).where(Run.id == "run_of_cursors"))


@pytest.mark.parametrize("cursor", ["zzz", "abc_01k9", "run-1", "2026-11-30", "null"])
def test_a_cursor_of_no_list_is_refused_by_every_list(quick_client: TestClient, lists: list[str], cursor: str) -> None:
    assert {"/runs", "/datasets", "/models/cursors/predictions"} <= set(lists)
    for path in lists:
        answer = quick_client.get(path, params={"cursor": cursor})
        assert answer.status_code == 422, path
        assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
            ("cursor", "cursor_malformed")
        ]


def test_an_empty_cursor_is_the_first_page(quick_client: TestClient, lists: list[str]) -> None:
    for path in lists:
        assert quick_client.get(path, params={"cursor": ""}).json() == quick_client.get(path).json(), path


def test_a_cursor_may_be_a_built_in_dataset(quick_client: TestClient) -> None:
    names = [item["name"] for item in quick_client.get("/datasets").json()["items"]]
    rest = quick_client.get("/datasets", params={"cursor": "notmnist"}).json()["items"]
    assert [item["name"] for item in rest] == names[names.index("notmnist") + 1 :]
