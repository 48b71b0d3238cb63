"""Many runs are found, named, compared and deleted."""

import csv
import io
import json
import re
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.constants import DELETED
from app.ops.retention import DAY, delete_expired
from app.storage import curves
from app.storage.database import database_now
from app.storage.tables import ModelVersion, Run
from tests.support.rows import insert_run
from tests.support.runs import SMALL, queue
from tests.support.services import Service

NOW = 1_782_000_000.0


def insert(service: Service, id: str, status: str = "succeeded", **values: Any) -> None:
    with service.database.write() as db:
        insert_run(db, id, status, **{"bytes": 100} | values)


def listed(client: TestClient, **query: Any) -> list[str]:
    answer = client.get("/runs", params=query)
    assert answer.status_code == 200, answer.text
    return [run["id"] for run in answer.json()["items"]]


@pytest.fixture
def aged(service: Service) -> Service:
    """Runs of every kind: two ended 40 days ago, of which a model points at one."""
    with service.database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        insert_run(db, "run_1_old", finished_at=now - 40 * DAY, bytes=100, tags={"course": "ml"})
        insert_run(db, "run_2_named", finished_at=now - 40 * DAY, bytes=100, tags={"course": "ml"})
        insert_run(db, "run_3_new", "failed", finished_at=now - DAY, bytes=30, tags={"course": "ml"})
        insert_run(db, "run_4_trains", "running", worker="w", lease_expires_at=now + 60, tags={"course": "ml"})
        insert_run(db, "run_5_waits", "queued", tags={"course": "ml"})
        insert_run(db, "run_6_other", "queued", tags={"course": "cv"})
        db.add(ModelVersion(model="letters", version=1, run="run_2_named", created_at=now))
    return service


@pytest.mark.sql
def test_runs_are_found_by_a_part_of_their_name_whatever_its_capitals(client: TestClient, service: Service) -> None:
    for number, name in enumerate(["Letters, wide", "100% letters_", "digits", None]):
        insert(service, f"run_{number}", name=name)
    assert listed(client, name="LETTERS") == ["run_1", "run_0"]
    assert listed(client, name="%") == listed(client, name="_") == ["run_1"]  # no wildcards
    assert listed(client, name="x") == []


@pytest.mark.sql
def test_the_best_runs_come_first_page_by_page(client: TestClient, service: Service) -> None:
    for number, accuracy in enumerate([0.9, 0.97, None, 0.97, "NaN"]):
        insert(service, f"run_{number}", metrics={"test": {"accuracy": accuracy}} if accuracy else {})
    query: dict[str, Any] = {"sort": "-test.accuracy", "limit": 2}
    seen: list[str] = []
    while True:
        page = client.get("/runs", params=query).json()
        seen += [run["id"] for run in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == ["run_3", "run_1", "run_0", "run_4", "run_2"]
    refused = client.get("/runs", params={"sort": "accuracy"})
    assert refused.status_code == 422 and "test.accuracy" in refused.json()["detail"]


def test_a_run_is_renamed_and_tagged_and_its_repetition_too(client: TestClient) -> None:
    run = queue(client, SMALL | {"name": "first", "tags": {"course": "ml", "draft": "yes"}})
    changed = client.patch(f"/runs/{run}", json={"name": "letters", "tags": {"draft": None, "week": "3"}}).json()
    assert changed["name"] == changed["request"]["name"] == "letters"
    assert changed["request"]["tags"] == {"course": "ml", "week": "3"}
    assert listed(client, tag="week:3") == [run] and listed(client, tag="draft:yes") == []
    again = client.post(f"/runs/{run}/again", json={}).json()
    assert again["name"] == "letters" and again["request"]["tags"] == {"course": "ml", "week": "3"}
    unnamed = client.patch(f"/runs/{run}", json={"name": None}).json()
    assert unnamed["name"] is None and unnamed["request"]["tags"] == {"course": "ml", "week": "3"}


def test_the_tags_of_the_service_stay_and_there_are_at_most_fifty(client: TestClient) -> None:
    lanes = {"run": SMALL, "optimizers": [{"name": "sgd"}, {"name": "adam"}]}
    race = client.post("/optimizers/race", json=lanes).json()
    run = race["runs"][0]["id"]
    refused = client.patch(f"/runs/{run}", json={"tags": {"antigrad.race": None}})
    assert refused.status_code == 422 and refused.json()["code"] == "reserved_tag"
    assert client.patch(f"/runs/{run}", json={"tags": {"n": "1"}}).json()["request"]["tags"]["antigrad.race"]
    many = client.patch(f"/runs/{run}", json={"tags": {str(number): "" for number in range(48)}})
    assert many.status_code == 422 and many.json()["params"] == {"count": 51, "limit": 50}
    assert client.patch("/runs/run_none", json={}).status_code == 404


def test_runs_are_found_tagged_cancelled_and_deleted_by_a_text(client: TestClient, aged: Service) -> None:
    assert listed(client, q="tag:course:ml status:failed,queued") == ["run_5_waits", "run_3_new"]
    tagged = client.patch("/runs", params={"q": "tag:course:ml"}, json={"tags": {"course": None, "week": "3"}})
    assert tagged.json() == {"tagged": 5}
    assert listed(client, q="tag:course") == ["run_6_other"] and len(listed(client, tag="week:3")) == 5
    assert client.post("/runs/cancel", params={"q": "id:run_5_waits,run_6_other tag:week:3"}).json() == {"cancelled": 1}
    said = client.request("DELETE", "/runs", params={"q": "status:cancelled"}).json()
    assert said["runs"] == ["run_5_waits"]
    refused = client.get("/runs", params={"q": "weak:3"}).json()
    assert refused["code"] == "search_field_unknown" and refused["errors"][0]["pointer"] == "q"


def test_tags_that_would_be_too_many_are_refused(client: TestClient, service: Service) -> None:
    insert(service, "run_1", tags={str(number): "" for number in range(50)})
    answer = client.patch("/runs", params={"q": "id:run_1"}, json={"tags": {"week": "3"}})
    assert (answer.status_code, answer.json()["code"]) == (422, "too_many_tags")
    assert client.patch("/runs", json={"tags": {"week": "3"}}).json()["code"] == "filter_missing"
    assert client.patch("/runs", params={"q": "  "}, json={"tags": {}}).json()["code"] == "filter_missing"


@pytest.mark.sql
def test_a_preview_says_what_would_be_deleted_and_deletes_nothing(client: TestClient, aged: Service) -> None:
    query: dict[str, Any] = {"tag": "course:ml", "preview": True}
    before = listed(client)
    said = client.request("DELETE", "/runs", params=query).json()
    assert said == {"deleted": 3, "bytes": 130, "runs": ["run_5_waits", "run_3_new", "run_1_old"], "kept": 2}
    assert listed(client) == before
    assert client.request("DELETE", "/runs", params=query | {"preview": False}).json() == said
    assert listed(client) == ["run_6_other", "run_4_trains", "run_2_named"]


@pytest.mark.sql
def test_runs_that_ended_long_ago_are_deleted_with_their_files(client: TestClient, aged: Service) -> None:
    aged.files.write("runs/run_1_old/1/weights-1.safetensors", b"x")
    assert listed(client, older="30d") == ["run_2_named", "run_1_old"]
    deleted = client.delete("/runs?older=30d").json()
    assert deleted == {"deleted": 1, "bytes": 100, "runs": ["run_1_old"], "kept": 1}
    assert not aged.files.exists("runs/run_1_old") and client.get("/runs/run_1_old").status_code == 404
    with aged.database.read() as db:
        assert db.get(Run, "run_1_old") is None


@pytest.mark.sql
@pytest.mark.parametrize("version", [
    {"split": {"run_6_other": 0.6, "run_1_old": 0.4}},
    {"shadow": {"run": "run_1_old", "share": 0.5}},
])  # fmt: skip
@pytest.mark.parametrize("newer", [False, True])
def test_runs_that_share_or_shadow_a_model_stay(
    client: TestClient, aged: Service, version: dict[str, Any], newer: bool
) -> None:
    with aged.database.write() as db:
        db.add(ModelVersion(model="shared", version=1, run="run_6_other", created_at=NOW, **version))
        if newer:  # the history leads back to the other one
            db.add(ModelVersion(model="shared", version=2, run="run_6_other", created_at=NOW))
    assert client.delete("/runs?older=30d").json() == {"deleted": 0, "bytes": 0, "runs": [], "kept": 2}
    delete_expired(aged.database, aged.files, 30)
    refused = client.delete("/runs/run_1_old")
    assert (refused.status_code, refused.json()["params"]["models"]) == (409, ["shared"])


@pytest.mark.parametrize("query", ["", "?preview=true"])
def test_without_a_filter_nothing_is_deleted(quick_client: TestClient, query: str) -> None:
    refused = quick_client.delete(f"/runs{query}")
    assert refused.status_code == 422 and refused.json()["code"] == "filter_missing"
    assert quick_client.delete("/runs?older=soon").json()["code"] == "duration_malformed"


@pytest.mark.sql
def test_what_is_older_than_the_settings_say_is_deleted_unless_a_model_has_it(aged: Service) -> None:
    delete_expired(aged.database, aged.files, 30)
    with aged.database.read() as db:
        left = set(db.scalars(select(Run.id).where(Run.status != DELETED)))
    assert left == {"run_2_named", "run_3_new", "run_4_trains", "run_5_waits", "run_6_other"}


def test_a_table_has_a_line_for_each_run_and_no_formulas(client: TestClient, service: Service) -> None:
    plain = queue(client, SMALL | {"name": "plain", "tags": {"course": "ml"}})
    metrics = {"test": {"loss": 0.25, "accuracy": 0.97}, "train": None}
    insert(
        service, "run_1", name="=HYPERLINK(1)", metrics=metrics, finished_at=NOW, progress={"seconds": 1.5, "step": 7}
    )
    lines = list(csv.DictReader(io.StringIO(client.get("/runs.csv?sort=name").text)))
    assert [line["run"] for line in lines] == ["run_1", plain]
    assert lines[0]["name"] == "'=HYPERLINK(1)" and lines[0]["test.accuracy"] == "0.97"
    assert (lines[0]["seconds"], lines[0]["steps"], lines[0]["train.loss"]) == ("1.5", "7", "")
    assert lines[0]["finished_at"].endswith("Z")
    assert (lines[1]["optimizer"], lines[1]["status"], json.loads(lines[1]["tags"])) == (
        "adam",
        "queued",
        {"course": "ml"},
    )
    assert client.get("/runs.csv?tag=course:cv").text.count("\n") == 1  # the header


def test_the_curves_of_any_runs_are_drawn_in_one_picture(client: TestClient, service: Service) -> None:
    assert client.get("/runs/curve.png").json()["code"] == "no_curves"
    queue(client, SMALL)  # has no curve yet
    for number, name in enumerate(["wide", "wide", None, "w" * 50]):
        insert(service, f"run_{number}", name=name, tags={"n": "1"}, progress={"step": 2})
        with service.database.write() as db:
            curves.append(db, f"run_{number}", {"train.loss": ([1, 2], [2.0, 1.0])})
    drawn = client.get("/runs/curve.svg?tag=n:1")
    texts = re.findall(r"<!-- (.+?) -->", drawn.text)
    assert {"wide, run_0", "wide, run_1", "run_2", "w" * 40 + "…"} <= set(texts)
    assert client.get("/runs/curve.png?tag=n:1&limit=2").content.startswith(b"\x89PNG")
    assert client.get("/runs/curve.png?axis=epoch").status_code == 409
