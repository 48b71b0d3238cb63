"""Races: one network and dataset, one run per optimizer."""

import re
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.runs import ended

RUN: dict[str, Any] = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 8}]},
    "tags": {"class": "9b"},
}
SMALL = RUN | {"stop": {"max_steps": 30}, "batch_size": 16}
THREE = [{"name": "sgd", "lr": 0.05}, {"name": "adam"}, {"name": "momentum", "lr": 0.01, "formulas": "lecture"}]


def start(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/optimizers/race", json={"run": SMALL, "optimizers": THREE} | body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def test_all_start_alike_and_each_goes_its_own_way(client: TestClient, worker: Forked) -> None:
    race = start(client)
    found = [ended(client, run["id"]) for run in race["runs"]]
    assert [run["status"] for run in found] == ["succeeded"] * 3
    assert [run["request"]["optimizer"]["name"] for run in found] == ["sgd", "adam", "momentum"]
    assert found[2]["request"]["optimizer"]["formulas"] == "lecture"
    losses = [client.get(f"/runs/{run['id']}/curve").json()["series"]["train.loss"]["value"] for run in found]
    assert losses[0][0] == losses[1][0] == losses[2][0]  # equal weights and an equal first batch
    assert len({losses[0][-1], losses[1][-1], losses[2][-1]}) == 3
    for kind in ("png", "svg"):
        assert client.get(f"/optimizers/race/{race['id']}/curve.{kind}").status_code == 200
    picture = client.get(race["links"]["curve"], params={"series": "validation.accuracy"})
    assert picture.content.startswith(b"\x89PNG")


def test_lanes_of_one_name_are_called_by_what_they_differ_in(client: TestClient) -> None:
    race = start(client, optimizers=[{"name": "momentum"}, {"name": "momentum", "dampening": 0.9}, {"name": "adam"}])
    drawn = client.get(f"/optimizers/race/{race['id']}/curve.svg").text
    assert [text for text in re.findall(r"<!-- (.+?) -->", drawn) if ", lr " in text] == [
        "1: momentum, lr 0.01, dampening 0", "2: momentum, lr 0.01, dampening 0.9", "3: adam, lr 0.001"
    ]  # fmt: skip


def test_a_race_is_found_again_with_its_runs_in_their_order(client: TestClient) -> None:
    race = start(client)
    again = client.get(f"/optimizers/race/{race['id']}").json()
    assert [run["id"] for run in again["runs"]] == [run["id"] for run in race["runs"]]
    tagged = client.get("/runs", params={"tag": f"antigrad.race:{race['id']}"}).json()["items"]
    assert {run["id"] for run in tagged} == {run["id"] for run in race["runs"]}
    assert all(run["request"]["tags"]["class"] == "9b" for run in tagged)
    assert client.get("/optimizers/race/race_none").status_code == 404
    assert client.get("/optimizers/race/race_none/curve.png").status_code == 404


def test_a_key_starts_one_race(client: TestClient) -> None:
    headers = {"Idempotency-Key": "race-1"}
    body = {"run": SMALL, "optimizers": THREE}
    first = client.post("/optimizers/race", json=body, headers=headers)
    second = client.post("/optimizers/race", json=body, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert len(client.get("/runs").json()["items"]) == 3
    other = client.post("/optimizers/race", json=body | {"run": SMALL | {"seed": 1}}, headers=headers)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"optimizers": [{"name": "sgd"}, {"name": "adan"}]}, "/optimizers/1"),
        ({"optimizers": [{"name": "sgd"}]}, "/optimizers"),
        ({"run": SMALL | {"batch_size": 0}}, "/run/batch_size"),
        ({"run": SMALL | {"model": {"layers": [{"type": "linaer", "units": 8}]}}}, "/run/model/layers/0"),
        ({"run": SMALL | {"split": {"test": 0.6, "validation": 0.6}}}, "/run/split"),
        ({"run": SMALL | {"scaling": {"inputs": "none"}}}, "/run/scaling"),
    ],
    ids=["unknown optimizer", "one optimizer", "wrong field", "unknown layer", "no split", "not of pictures"],
)
def test_what_is_wrong_is_told_where_it_stands_and_nothing_is_queued(
    client: TestClient, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post("/optimizers/race", json={"run": SMALL, "optimizers": THREE} | body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(pointer), answer.json()
    assert client.get("/runs").json()["items"] == []
