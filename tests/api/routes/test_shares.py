"""A link shows one run, race or experiment to anyone who has it, and nothing else, until it expires or is revoked."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.access import Scope
from app.api.openapi import operations
from app.storage.tables import Run, Share
from tests.support.keys import Key, bearer, new_key, until_known
from tests.support.runs import SMALL
from tests.support.served import insert_network
from tests.support.services import KEY, Service, Template


@pytest.fixture(scope="module")
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        yield client


@pytest.fixture(scope="module")
def service(locked: TestClient) -> Service:
    return Service.of(locked)


@pytest.fixture(scope="module")
def keys(locked: TestClient, service: Service) -> dict[str, Key]:
    made = {who: new_key(service.database, who, Scope.READ, Scope.TRAIN) for who in ("s1", "s2")}
    until_known(locked, *made.values())
    return made


@pytest.fixture(scope="module")
def run(locked: TestClient, service: Service, keys: dict[str, Key]) -> str:
    """A trained run of s1."""
    request = locked.post("/runs", json=SMALL, headers=keys["s1"].headers).json()["request"]
    insert_network(service.database, service.files, "run_shared")
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == "run_shared").values(owner="s1", request=request))
    return "run_shared"


def shared(client: TestClient, path: str, key: Key, **body: int) -> dict[str, Any]:
    answer = client.post(f"{path}/share", json=body, headers=key.headers)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def prefix(link: dict[str, Any]) -> str:
    """The part of a link that stands in front of the addresses that it shows."""
    return str(link["link"]).removesuffix(link["path"])


def events(text: str) -> Iterator[tuple[str, str]]:
    """Kind and run of each event."""
    for block in text.strip().split("\n\n"):
        if block and not block.startswith(":"):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            yield fields["event"], json.loads(fields["data"])["run"]


def test_a_link_shows_the_run_and_all_that_belongs_to_it(locked: TestClient, keys: dict[str, Key], run: str) -> None:
    link = shared(locked, f"/runs/{run}", keys["s1"], days=7)
    shown = locked.get(link["link"])
    assert shown.status_code == 200 and shown.json()["id"] == run
    assert shown.json()["links"]["curve"] == f"{link['link']}/curve"
    of_owner = {address: locked.get(address, headers=keys["s1"].headers) for address in (
        f"/runs/{run}/curve", f"/runs/{run}/diagram.svg", f"/runs/{run}/weights", f"/runs/{run}/diagnosis",
        f"/runs/{run}/checkpoints", f"/runs/{run}/evaluation")}  # fmt: skip
    for address, answer in of_owner.items():
        without_key = locked.get(prefix(link) + address)
        assert without_key.status_code == answer.status_code, address
        assert without_key.is_error or without_key.content == answer.content, address
    assert locked.head(link["link"]).status_code == 200


def test_a_link_shows_nothing_else_and_changes_nothing(
    locked: TestClient, service: Service, keys: dict[str, Key], run: str
) -> None:
    """By no route of the document: not with the run's own id elsewhere, and not with that of another run."""
    link = shared(locked, f"/runs/{run}", keys["s1"])
    other = locked.post("/runs", json=SMALL, headers=keys["s1"].headers).json()["id"]
    document = locked.get("/openapi.json", headers=bearer(KEY)).json()
    for path, method, _ in operations(document):
        places = {"{index}": "0", "{format}": "png", "{name}": "linear_collapse"}
        for id in (run, other) if path.startswith("/runs/{id}") else (run,):
            address = path.replace("{id}", id)
            for place, value in places.items():
                address = address.replace(place, value)
            answer = locked.request(method, prefix(link) + address)
            if method == "get" and (f"{address}/".startswith(f"/runs/{run}/") or path == "/events"):
                assert answer.status_code != 401, address
            else:
                assert answer.status_code == 401, (method, address)
    for address in ("/docs", "/openapi.json", "", "/", "/shares", f"/runs/{run}x", f"/runs/{run}/../{other}"):
        assert locked.get(prefix(link) + address).status_code == 401, address
    assert locked.get(f"/runs/{run}").status_code == 401  # without the link


def test_a_link_is_revoked_and_expires(locked: TestClient, service: Service, keys: dict[str, Key], run: str) -> None:
    first, second = (shared(locked, f"/runs/{run}", keys["s1"]) for _ in range(2))
    assert locked.get(first["link"]).status_code == locked.get(second["link"]).status_code == 200
    assert locked.delete(f"/shares/{first['id']}", headers=keys["s1"].headers).status_code == 204
    with service.database.write() as db:
        db.execute(update(Share).where(Share.id == second["id"]).values(expires_at=1.0))
    assert locked.get(first["link"]).status_code == locked.get(second["link"]).status_code == 401
    listed = [item["id"] for item in locked.get("/shares", headers=keys["s1"].headers).json()["items"]]
    assert first["id"] not in listed and second["id"] not in listed


def test_the_stream_of_a_link_has_its_runs_alone_and_ends_with_it(locked: TestClient, keys: dict[str, Key]) -> None:
    mine, other = (locked.post("/runs", json=SMALL, headers=keys["s1"].headers).json()["id"] for _ in range(2))
    link = shared(locked, f"/runs/{mine}", keys["s1"])
    for runs, kinds in ((f"{mine},{other}", {("gone", other), ("status", mine)}), ("newest", {("status", mine)})):
        with locked.stream("GET", f"{prefix(link)}/events", params={"runs": runs}) as answer:
            assert answer.status_code == 200
            pieces, seen = answer.iter_text(), set[tuple[str, str]]()
            while not kinds <= seen:
                seen |= set(events(next(pieces)))
            assert {run for _, run in seen} == {run for _, run in kinds}
            if runs == "newest":
                assert locked.delete(f"/shares/{link['id']}", headers=keys["s1"].headers).status_code == 204
                assert {run for _, run in events("".join(pieces))} <= {mine}  # it ends
            else:
                locked.post(f"/runs/{mine}/cancel", headers=keys["s1"].headers)


def test_a_forged_link_shows_nothing(locked: TestClient, keys: dict[str, Key], run: str) -> None:
    link = shared(locked, f"/runs/{run}", keys["s1"])
    front, token = prefix(link).rsplit("/", 1)
    payload, signature = token.rsplit(".", 1)
    for forged in (payload, f"{payload}.", f"{payload}.{signature[:-2]}", f"x{payload}.{signature}", link["id"], ""):
        assert locked.get(f"{front}/{forged}/runs/{run}").status_code == 401


def test_only_the_owner_and_an_admin_make_and_revoke_links(
    locked: TestClient, service: Service, keys: dict[str, Key], run: str
) -> None:
    assert locked.post(f"/runs/{run}/share", headers=keys["s2"].headers).status_code == 404
    link = shared(locked, f"/runs/{run}", keys["s1"])
    assert locked.delete(f"/shares/{link['id']}", headers=keys["s2"].headers).status_code == 404
    assert locked.get("/shares", headers=keys["s2"].headers).json()["items"] == []
    insert_network(service.database, service.files, "run_common")
    assert locked.post("/runs/run_common/share", headers=keys["s1"].headers).status_code == 403
    assert locked.post("/runs/run_common/share", headers=bearer(KEY)).status_code == 201
    assert locked.delete(f"/shares/{link['id']}", headers=bearer(KEY)).status_code == 204


@pytest.mark.parametrize("days", [0, 366, -1])
def test_a_link_is_for_a_year_at_most(locked: TestClient, keys: dict[str, Key], run: str, days: int) -> None:
    answer = locked.post(f"/runs/{run}/share", json={"days": days}, headers=keys["s1"].headers)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/days"


def test_a_race_and_an_experiment_are_shown_with_their_runs(locked: TestClient, keys: dict[str, Key]) -> None:
    mine = keys["s1"]
    race = locked.post("/optimizers/race", headers=mine.headers, json={
        "run": SMALL, "optimizers": [{"name": "sgd"}, {"name": "adam"}]}).json()  # fmt: skip
    started = locked.post("/experiments/linear_collapse", json={"seeds": [0]}, headers=mine.headers).json()
    for path, runs in (
        (f"/optimizers/race/{race['id']}", [one["id"] for one in race["runs"]]),
        (f"/experiments/linear_collapse/{started['id']}", [one["run"] for one in started["runs"]]),
    ):
        link = shared(locked, path, mine)
        assert locked.get(link["link"]).status_code == 200
        assert [locked.get(f"{prefix(link)}/runs/{id}").status_code for id in runs] == [200] * len(runs)
    other = locked.get(f"{prefix(link)}/optimizers/race/{race['id']}")
    assert other.status_code == 401


def test_a_service_without_keys_shows_through_a_link_what_the_link_says(client: TestClient) -> None:
    ids = [client.post("/runs", json=SMALL).json()["id"] for _ in range(2)]
    link = client.post(f"/runs/{ids[0]}/share").json()
    assert client.get(link["link"]).json()["id"] == ids[0]
    assert client.get(f"{prefix(link)}/runs/{ids[1]}").status_code == 401
