"""A key reads, changes and stops nothing of another owner: by no route, filter, bulk change or Idempotency-Key.

What stays available: everything of its own, and what is common. The requests are made of the OpenAPI document,
so that each new route is tried as well.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from app.access import NO_OWNER, Caller, Scope
from app.api.event_streams import newest_queries
from app.api.openapi import operations
from app.insight.analysis.drift import FEWEST
from app.storage.tables import Batch, Dataset, ModelVersion, Owned, Run, Share, Sweep
from tests.support.keys import Key, bearer, new_key, until_known
from tests.support.processes import until
from tests.support.runs import SMALL
from tests.support.served import insert_network
from tests.support.services import KEY, Service, Template

HIDDEN = "hidden from others"  # stands in each text of the victim's rows
COMMON = "common to all"  # in its place, in what has no owner
STUDENT = (Scope.READ, Scope.PREDICT, Scope.TRAIN)
Keys = dict[str, Key]
Document = dict[str, Any]


@pytest.fixture(scope="module")
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    home = tmp_path_factory.mktemp("service") / "home"
    # One connection: a request that held one and waited for another would never end.
    with template.client(home, api_key=KEY, database_connections=1) as client:
        yield client


@pytest.fixture(scope="module")
def service(locked: TestClient) -> Service:
    return Service.of(locked)


@pytest.fixture(scope="module")
def keys(locked: TestClient, service: Service) -> Keys:
    """The keys of the victim, of another student, and of an admin."""
    scopes = {"victim": STUDENT, "other": STUDENT, "teacher": (Scope.ADMIN,)}
    made = {owner: new_key(service.database, owner, *scopes[owner]) for owner in scopes}
    until_known(locked, *made.values())
    return made


@pytest.fixture(scope="module")
def document(locked: TestClient) -> Document:
    found: Document = locked.get("/openapi.json", headers=bearer(KEY)).json()
    return found


def populate(client: TestClient, owner: str, headers: dict[str, str], prefix: str, text: str) -> dict[str, str]:
    """Make one of everything for an owner, with a text in each; returns the values of parameters that mean them."""
    service = Service.of(client)
    run, dataset, queued = f"run_{prefix}", f"ds_{prefix}", {"name": text, "tags": {"of": prefix}}
    insert_network(service.database, service.files, run)
    request = client.post("/runs", json=SMALL | queued, headers=headers).json()["request"]
    with service.database.write() as db:
        db.get_one(Run, run).owner, db.get_one(Run, run).name = owner, text
        db.get_one(Run, run).request, db.get_one(Run, run).tags = request, {"of": prefix, "note": text}
        digits = db.get_one(Dataset, "digits")
        about = digits.about | {"target": text}
        row = {"id": dataset, "owner": owner, "name": f"{prefix}-letters", "about": about, "folder": digits.folder}
        db.execute(insert(Dataset).values(status="ready", source={}, progress={}, skipped=[], attempt=0, deaths=0,
                                          created_at=1.0, **row))  # fmt: skip
        model = {"owner": owner, "model": f"{prefix}-model", "version": 1, "run": run, "created_at": 1.0}
        db.execute(insert(ModelVersion).values(**model))
    race = client.post("/optimizers/race", headers=headers, json={
        "run": SMALL | queued, "optimizers": [{"name": "sgd"}, {"name": "adam"}]}).json()["id"]  # fmt: skip
    performance = client.post("/experiments/linear_collapse", headers=headers, json={"seeds": [0]}).json()["id"]
    share = client.post(f"/runs/{run}/share", headers=headers).json()["id"]
    batch = client.post("/batches", json={"dataset": dataset, "run": run}, headers=headers).json()["id"]
    sweep = client.post("/sweeps", headers=headers, json={
        "base": SMALL | queued, "name": HIDDEN, "grid": {"optimizer.lr": [0.1]}}).json()["id"]  # fmt: skip
    return {"run": run, "dataset": dataset, "dataset name": f"{prefix}-letters", "model": f"{prefix}-model",
            "share": share, "batch": batch, "race": race, "performance": performance, "owner": owner,
            "sweep": sweep,
            "tag": f"of:{prefix}"}  # fmt: skip


@pytest.fixture(scope="module")
def things(locked: TestClient, keys: Keys) -> dict[str, str]:
    return populate(locked, "victim", keys["victim"].headers, "victims", HIDDEN)


@pytest.fixture(scope="module")
def commons(locked: TestClient, keys: Keys) -> dict[str, str]:
    return populate(locked, NO_OWNER, bearer(KEY), "commons", COMMON)


def rows(service: Service, owner: str) -> list[tuple[Any, ...]]:
    """All that belongs to an owner, as the database has it."""
    tables: tuple[type[Owned], ...] = (Run, Dataset, ModelVersion, Share, Batch, Sweep)
    with service.database.engine.connect() as connection:
        return [
            tuple(map(repr, row))
            for table in tables
            for row in connection.execute(select(table.__table__).where(table.__table__.c.owner == owner))
        ]


ABOUT = {
    "/runs/": ["run"], "/datasets/": ["dataset", "dataset name"], "/optimizers/race/": ["race"],
    "/experiments/": ["performance"], "/models/": ["model"], "/v2/": ["model", "run"], "/shares/": ["share"],
    "/batches/": ["batch"], "/sweeps/": ["sweep"],
}  # fmt: skip
PLACES = {"name": "linear_collapse", "index": "0", "format": "png", "version": "1"}


def addresses(path: str, things: dict[str, str]) -> list[str]:
    """A route's path with each of the things that it is about in place of its parameter, and some value for others."""
    named = [path]
    for prefix, about in ABOUT.items():
        if path.startswith(prefix):
            named = [path.replace("{id}" if "{id}" in path else "{name}", things[thing]) for thing in about]
    return [re.sub(r"{(\w+)}", lambda place: PLACES.get(place[1], "x"), address) for address in dict.fromkeys(named)]


def queries_of(operation: dict[str, Any], things: dict[str, str]) -> list[dict[str, str]]:
    """No query, and each parameter by which the victim's things can be meant."""
    meant = {name: things[name] for name in ("run", "model", "owner", "tag", "dataset", "sweep")} | {
        "runs": things["run"]
    }
    names = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    return [{}, *({name: meant[name]} for name in names if name in meant)]


def body(operation: dict[str, Any], things: dict[str, str]) -> dict[str, Any]:
    """The body of a request: the document's example, about the victim's things where it names some."""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        return {"content": b"x,y\n1,2\n", "headers": {"Content-Type": "text/csv"}} if content else {}
    json = content["application/json"].get("example") or {}
    for name in ("run", "dataset"):
        if isinstance(json.get(name), str):
            json = json | {name: things[name]}
    return {"json": json}


def requests(document: Document, things: dict[str, str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, address and the rest of all requests that name one of the things, and of those that list some."""
    for path, method, operation in operations(document):
        for address in addresses(path, things):
            for query in queries_of(operation, things):
                options = {"params": query} | body(operation, things)
                if method == "get" or any(thing in f"{address} {options}" for thing in things.values() if thing):
                    yield method.upper(), address, options


def send(client: TestClient, key: Key, method: str, address: str, options: dict[str, Any]) -> httpx.Response:
    headers = options.get("headers", {}) | key.headers
    answer: Any = client.request(method, address, **options | {"headers": headers})
    return answer


def test_no_request_of_another_owner_shows_or_changes_anything(
    locked: TestClient, service: Service, keys: Keys, document: Document, things: dict[str, str]
) -> None:
    before, sent = rows(service, "victim"), 0
    for method, address, options in requests(document, things):
        answer = send(locked, keys["other"], method, address, options)
        asked = (method, address, options, answer.status_code, answer.text[:500])
        assert answer.status_code < 500, asked
        assert HIDDEN not in answer.text, asked
        if any(thing in address for thing in things.values()):
            assert answer.status_code in (400, 403, 404, 422), asked
        sent += 1
    assert sent > 90
    assert rows(service, "victim") == before


def test_the_stream_of_the_newest_runs_has_those_of_its_caller(
    locked: TestClient, service: Service, keys: Keys, things: dict[str, str]
) -> None:
    mine = locked.post("/runs", json=SMALL, headers=keys["other"].headers).json()["id"]
    queries, other = newest_queries(service.database), Caller("other", frozenset(STUDENT))
    found = asyncio.run(queries.get(other))
    assert mine in found and things["run"] not in found


def shown(client: TestClient, key: Key, things: dict[str, str], text: str = HIDDEN) -> list[str]:
    """The addresses at which a caller sees the text of the things."""
    of_run, of_dataset = f"/runs/{things['run']}", f"/datasets/{things['dataset']}"
    places = [
        "/runs",
        of_run,
        f"{of_run}/script",
        "/datasets",
        of_dataset,
        f"/optimizers/race/{things['race']}",
        "/sweeps",
        f"/sweeps/{things['sweep']}",
    ]
    return [place for place in places if text in client.get(place, headers=key.headers).text]


def test_its_owner_and_an_admin_see_it(locked: TestClient, keys: Keys, things: dict[str, str]) -> None:
    """So the requests of the test above would find something."""
    assert len(shown(locked, keys["victim"], things)) == len(shown(locked, keys["teacher"], things)) == 8
    assert shown(locked, keys["other"], things) == []


def test_what_is_common_is_seen_by_all_and_changed_by_an_admin(
    locked: TestClient, service: Service, keys: Keys, document: Document, commons: dict[str, str]
) -> None:
    before, refused = rows(service, NO_OWNER), 0
    assert len(shown(locked, keys["other"], commons, COMMON)) == 8
    for method, address, options in requests(document, commons):
        if method != "GET" and any(thing in address for thing in commons.values() if thing):
            answer = send(locked, keys["other"], method, address, options)
            assert answer.status_code < 500 and answer.status_code != 401, (method, address, options, answer.text)
            refused += answer.status_code == 403 and answer.json()["code"] == "not_owner"
    assert refused >= 6
    assert rows(service, NO_OWNER) == before
    for address in (f"/models/{commons['model']}", f"/runs/{commons['run']}"):
        assert locked.delete(address, headers=keys["teacher"].headers).status_code == 204


def test_a_bulk_change_passes_by_what_belongs_to_others(locked: TestClient, service: Service, keys: Keys) -> None:
    ids = {
        who: locked.post("/runs", json=SMALL | {"tags": {"bulk": "yes"}}, headers=keys[who].headers).json()["id"]
        for who in ("victim", "other")
    }
    found = locked.get("/runs", params={"tag": "bulk:yes"}, headers=keys["other"].headers).json()["items"]
    assert [run["id"] for run in found] == [ids["other"]] and found[0]["owner"] == "other"
    cancelled = locked.post("/runs/cancel", params={"status": "queued"}, headers=keys["other"].headers).json()
    assert cancelled["cancelled"] >= 1
    status = {who: locked.get(f"/runs/{id}", headers=keys[who].headers).json()["status"] for who, id in ids.items()}
    assert status == {"victim": "queued", "other": "cancelled"}


def test_an_idempotency_key_is_its_owners(locked: TestClient, keys: Keys) -> None:
    sent = {who: keys[who].headers | {"Idempotency-Key": "the first"} for who in ("victim", "other")}
    mine = locked.post("/runs", json=SMALL | {"name": HIDDEN}, headers=sent["victim"])
    again = locked.post("/runs", json=SMALL | {"name": HIDDEN}, headers=sent["victim"])
    assert (mine.status_code, again.status_code) == (202, 200) and mine.json()["id"] == again.json()["id"]
    others = locked.post("/runs", json=SMALL, headers=sent["other"])
    assert others.status_code == 202 and others.json()["owner"] == "other"


def test_each_owner_has_its_own_names(locked: TestClient, service: Service, keys: Keys) -> None:
    for who in ("victim", "other"):
        insert_network(service.database, service.files, f"run_named_{who}")
        with service.database.write() as db:
            db.get_one(Run, f"run_named_{who}").owner = who
        named = locked.put("/models/letters", json={"run": f"run_named_{who}"}, headers=keys[who].headers).json()
        assert (named["owner"], len(named["history"])) == (who, 1)
        picture = locked.get("/datasets/digits/images/0.png", headers=keys[who].headers).content
        answer = locked.post("/predict?model=letters", content=picture,
                             headers=keys[who].headers | {"Content-Type": "image/png"}).json()  # fmt: skip
        assert answer["run"] == f"run_named_{who}"
        upload = locked.post("/datasets?name=numbers&target=y", content=b"x,y\n1,2\n", headers=keys[who].headers)
        assert (upload.json()["version"], upload.json()["owner"]) == (1, who)
    as_admin = keys["teacher"].headers
    owners = [item["owner"] for item in locked.get("/models", headers=as_admin).json()["items"]]
    assert sorted(filter(None, owners)).count("other") == 1
    only = locked.get("/models?owner=other", headers=as_admin).json()["items"]
    assert [item["run"] for item in only] == ["run_named_other"]
    assert locked.get("/models/letters", headers=as_admin).status_code == 404  # a name means one's own
    assert locked.delete("/models/letters?owner=other", headers=as_admin).status_code == 204
    assert locked.get("/models/letters", headers=keys["victim"].headers).json()["run"] == "run_named_victim"


def test_a_common_model_predicts_for_all(locked: TestClient, service: Service, keys: Keys) -> None:
    insert_network(service.database, service.files, "run_published", "diabetes")
    with service.database.write() as db:
        db.get_one(Run, "run_published").owner = "victim"
    assert locked.put("/models/published", json={"run": "run_published"}, headers=bearer(KEY)).status_code == 200
    rows_ = {"instances": [[0.0] * 10]}
    answer = locked.post("/predict?model=published", json=rows_, headers=keys["other"].headers)
    assert answer.status_code == 200, answer.text
    assert locked.post("/predict?run=run_published", json=rows_, headers=keys["other"].headers).status_code == 404
    assert locked.delete("/runs/run_published", headers=keys["victim"].headers).status_code == 409


def test_a_dataset_of_the_catalogue_is_common(locked: TestClient, keys: Keys) -> None:
    mine = locked.post("/datasets/catalogue/mnist", headers=keys["victim"].headers)
    others = locked.post("/datasets/catalogue/mnist", headers=keys["other"].headers)
    assert (mine.status_code, others.status_code) == (202, 200)
    assert mine.json()["id"] == others.json()["id"] and mine.json()["owner"] is None
    assert locked.post("/datasets/mnist/cancel", headers=keys["victim"].headers).status_code == 403
    assert locked.post("/datasets/mnist/cancel", headers=keys["teacher"].headers).status_code == 200


def test_nobody_else_sees_what_one_has_asked_a_common_model(locked: TestClient, service: Service, keys: Keys) -> None:
    secret = 31_337.25
    insert_network(service.database, service.files, "run_common_live", "diabetes")
    insert_network(service.database, service.files, "run_common_shadow", "diabetes", seed=1)
    body = {"run": "run_common_live", "shadow": {"run": "run_common_shadow"}, "log": 1}
    assert locked.put("/models/asked", json=body, headers=bearer(KEY)).status_code == 200
    for owner, value in (("other", 1.0), ("victim", secret)):
        instances = {"instances": [[value] * 10] * FEWEST}
        answer = locked.post("/predict?model=asked", json=instances, headers=keys[owner].headers)
        assert answer.status_code == 200, answer.text

    def seen(owner: str) -> dict[str, str]:
        paths = [f"/models/asked/{kind}" for kind in ("shadow", "drift", "predictions?limit=100", "feedback")]
        return {path: locked.get(path, headers=keys[owner].headers).text for path in paths}

    until(lambda: json.loads(seen("teacher")["/models/asked/shadow"])["compared"] == 2 * FEWEST)
    until(lambda: len(json.loads(seen("teacher")["/models/asked/predictions?limit=100"])["items"]) == 2 * FEWEST)
    for owner, may_see in (("victim", True), ("teacher", True), ("other", False)):
        texts = seen(owner)
        for kind in ("shadow", "predictions?limit=100"):
            assert (str(secret) in texts[f"/models/asked/{kind}"]) is may_see, (owner, kind)
        assert "drift" in texts["/models/asked/drift"]
        assert str(secret) not in texts["/models/asked/feedback"]
    assert not any("31337" in text or "31,337" in text for text in seen("other").values())
    assert "31337" in seen("victim")["/models/asked/drift"].replace(",", "")
