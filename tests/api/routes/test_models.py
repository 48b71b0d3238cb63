"""Model names: point one at a run, at another run, and back."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.rows import insert_dataset, insert_run
from tests.support.runs import SMALL, ended, queue
from tests.support.served import serve
from tests.support.services import Service, client_of

ZEROS = {"instances": [[0] * 784]}


@pytest.fixture
def runs(client: TestClient, worker: Forked) -> list[str]:
    found = [queue(client, SMALL | {"seed": seed}) for seed in range(2)]
    assert [ended(client, run)["status"] for run in found] == ["succeeded", "succeeded"]
    return found


def asked(client: TestClient, **params: str) -> tuple[str, str | None]:
    answer = client.post("/predict", params=params, json=ZEROS)
    assert answer.status_code == 200, answer.text
    return answer.json()["run"], answer.json()["model"]


def point(client: TestClient, name: str, run: str) -> dict[str, Any]:
    answer = client.put(f"/models/{name}", json={"run": run})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_name_is_promoted_rolled_back_and_remembers(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    point(client, "letters", old)
    assert asked(client, model="letters") == (old, "letters")
    point(client, "letters", new)
    assert asked(client, model="letters") == (new, "letters")
    assert len(point(client, "letters", new)["history"]) == 2  # the same run again changes nothing
    found = point(client, "letters", old)
    assert [(version["version"], version["run"]) for version in found["history"]] == [(3, old), (2, new), (1, old)]
    assert asked(client, model="letters") == (old, "letters")
    assert client.get("/models").json()["items"] == [found] == [client.get("/models/letters").json()]
    back = client.post("/models/letters/rollback").json()
    assert (back["version"], back["run"]) == (4, new)
    assert client.post("/models/letters/rollback", params={"version": 1}).json()["run"] == old
    assert asked(client, model="letters@2") == (new, "letters@2")
    assert asked(client, model="letters@2", run=new) == (new, "letters@2")
    for version in ("", "0", "02", "9"):
        for run in ({}, {"run": new}):
            refused = client.post("/predict", params={"model": f"letters@{version}", **run}, json=ZEROS)
            assert (refused.status_code, refused.json()["code"]) == (404, "no_such_model_version")
    refused = client.post("/predict", params={"model": "letters@1", "run": new}, json=ZEROS)
    assert (refused.status_code, refused.json()["code"]) == (409, "run_not_of_model")


def test_default_answers_when_nothing_is_named_and_else_the_newest(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    assert asked(client) == (new, None)
    point(client, "default", old)
    assert asked(client) == (old, "default")
    assert asked(client, run=new) == (new, None)
    assert client.delete("/models/default").status_code == 204
    assert asked(client) == (new, None)


def test_a_run_that_a_name_points_at_or_did_is_not_deleted(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    point(client, "letters", old)
    refused = client.delete(f"/runs/{old}")
    assert refused.status_code == 409 and "letters" in refused.json()["detail"]
    assert asked(client, model="letters") == (old, "letters")
    point(client, "letters", new)
    refused = client.delete(f"/runs/{old}")  # the history would lead to nothing
    assert refused.status_code == 409 and refused.json()["params"]["models"] == ["letters"]
    assert [version["run"] for version in client.get("/models/letters").json()["history"]] == [new, old]
    assert client.delete("/models/letters").status_code == 204
    assert client.delete(f"/runs/{old}").status_code == 204


@pytest.mark.parametrize(
    ("status", "values"),
    [
        ("failed", {"stop_reason": "diverged", "metrics": {"train": {"loss": 90.0}}}),
        ("succeeded", {"stop_reason": "max_steps", "metrics": {"train": {"loss": "NaN"}, "test": None}}),
        ("succeeded", {"stop_reason": "max_steps", "metrics": {"train": {"loss": "Infinity", "accuracy": 0.1}}}),
    ],
)
def test_a_model_is_no_run_that_diverged(service: Service, status: str, values: dict[str, Any]) -> None:
    with service.database.write() as db:
        insert_run(db, "run_diverged", status=status, weights="runs/run_diverged/weights.safetensors", **values)
    refused = service.client.put("/models/letters", json={"run": "run_diverged"})
    assert (refused.status_code, refused.json()["code"]) == (409, "model_of_diverged_run")
    assert service.client.get("/models").json()["items"] == []


def test_what_cannot_be_pointed_at_is_refused_with_what_can(client: TestClient) -> None:
    waiting = queue(client, SMALL)
    for run, status in ((waiting, 409), ("run_none", 404)):
        refused = client.put("/models/letters", json={"run": run})
        assert refused.status_code == status and refused.json()["detail"]
    assert client.put("/models/a%20b", json={"run": waiting}).status_code == 422
    unknown = client.post("/predict", params={"model": "letters"}, json=ZEROS)
    assert unknown.status_code == 404 and "PUT /models" in unknown.json()["detail"]
    assert client.delete("/models/letters").status_code == 404


def test_a_run_and_a_model_may_both_be_given_if_the_model_points_at_the_run_or_did(client: TestClient) -> None:
    for run in ("run_first", "run_second", "run_other"):
        serve(client, run)
    for run in ("run_first", "run_second"):
        assert client.put("/models/letters", json={"run": run}).status_code == 200
        both = client.post("/predict", params={"model": "letters", "run": "run_first"}, json=ZEROS)
        assert both.status_code == 200 and both.json()["run"] == "run_first" and both.json()["model"] == "letters"
    never = client.post("/predict", params={"model": "letters", "run": "run_other"}, json=ZEROS)
    assert never.status_code == 409 and never.json()["code"] == "run_not_of_model"
    for names in ({"model": "none", "run": "run_first"}, {"model": "letters", "run": "none"}):
        assert client.post("/predict", params=names, json=ZEROS).status_code == 404


def test_a_step_may_be_given_with_a_model(client: TestClient) -> None:
    serve(client, "run_stepped")
    client.put("/models/stepped", json={"run": "run_stepped"})
    answer = client.post("/predict", params={"model": "stepped", "step": 5}, json=ZEROS)
    assert answer.status_code == 404 and answer.json()["code"] == "no_such_checkpoint"


@pytest.fixture(scope="module")
def served(quick_client: TestClient) -> TestClient:
    """A service with two runs on digits, and one each on other classes and on other inputs."""
    for run in ("run_one", "run_two"):
        serve(quick_client, run)
    serve(quick_client, "run_of_letters", dataset="notmnist")
    serve(quick_client, "run_of_rows_of_a_table", dataset="diabetes")
    return quick_client


def test_if_match_refuses_a_change_of_what_has_changed_since(served: TestClient) -> None:
    first = served.put("/models/matched", json={"run": "run_one"})
    assert first.headers["ETag"] == served.get("/models/matched").headers["ETag"]
    seen = {"If-Match": first.headers["ETag"]}
    second = served.put("/models/matched", json={"run": "run_two"}, headers=seen)
    assert second.status_code == 200 and second.headers["ETag"] != first.headers["ETag"]
    for refused in (
        served.put("/models/matched", json={"run": "run_one"}, headers=seen),
        served.post("/models/matched/rollback", headers=seen),
    ):
        assert (refused.status_code, refused.json()["code"]) == (412, "model_changed")
        assert refused.json()["params"]["version"] == 2
    assert served.put("/models/matched", json={"run": "run_one"}, headers={"If-Match": "*"}).status_code == 200
    assert served.put("/models/unmatched", json={"run": "run_one"}, headers={"If-Match": "*"}).status_code == 404


def test_of_changes_at_once_each_is_made_and_the_last_one_counts(service: Service) -> None:
    runs = [serve(service.client, f"run_{k}") for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda run: service.client.put("/models/busy", json={"run": run}), runs))
    assert [answer.status_code for answer in answers] == [200] * 8
    history = service.client.get("/models/busy").json()["history"]
    assert [item["version"] for item in history] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert {item["run"] for item in history} == set(runs)


@pytest.mark.parametrize(
    ("run", "code"),
    [("run_of_letters", "model_classes_differ"), ("run_of_rows_of_a_table", "model_inputs_differ")],
)
def test_a_run_of_another_kind_is_refused_unless_it_is_forced(served: TestClient, run: str, code: str) -> None:
    name = f"/models/kind-of-{run}"
    served.put(name, json={"run": "run_one"})
    bodies: list[dict[str, Any]] = [
        {"run": run},
        {"runs": {"run_one": 0.9, run: 0.1}},
        {"run": "run_one", "shadow": {"run": run}},
    ]
    for body in bodies:
        refused = served.put(name, json=body)
        assert (refused.status_code, refused.json()["code"]) == (409, code)
    assert served.put(name, json={"run": run, "force": True}).json()["run"] == run


def test_a_name_is_not_that_of_a_run(served: TestClient) -> None:
    refused = served.put("/models/run_one", json={"run": "run_one"})
    assert (refused.status_code, refused.json()["code"]) == (422, "model_named_like_run")


def test_too_many_runs_are_refused_without_a_count_that_nobody_has_made(served: TestClient) -> None:
    refused = served.put("/models/many", json={"runs": {f"run_{place}": 0.0001 for place in range(10_000)}})
    assert (refused.status_code, refused.json()["code"]) == (422, "too_long")
    assert "None" not in refused.json()["detail"]


def test_a_run_of_other_columns_is_refused_unless_it_is_forced(service: Service) -> None:
    table = {"task": "regression", "shape": [2], "classes": []}
    with service.database.write() as db:
        for name, columns in (("old", ["a", "b"]), ("new", ["weight", "age"])):
            insert_dataset(db, f"ds_{name}", table | {"feature_names": columns})
            insert_run(db, f"run_{name}", dataset=f"ds_{name}", task="regression", weights=f"runs/{name}.safetensors")
    assert service.client.put("/models/table", json={"run": "run_old"}).status_code == 200
    refused = service.client.put("/models/table", json={"run": "run_new"})
    assert (refused.status_code, refused.json()["code"]) == (409, "model_columns_differ")
    assert service.client.put("/models/table", json={"run": "run_new", "force": True}).status_code == 200


def test_a_run_that_diverged_is_a_model_only_by_force(service: Service) -> None:
    with service.database.write() as db:
        insert_run(db, "run_wild", stop_reason="diverged", weights="runs/run_wild/weights.safetensors")
    assert service.client.put("/models/wild", json={"run": "run_wild"}).status_code == 409
    assert service.client.put("/models/wild", json={"run": "run_wild", "force": True}).status_code == 200


def test_a_rollback_needs_a_version_to_go_back_to(served: TestClient) -> None:
    served.put("/models/young", json={"run": "run_one"})
    for path, status, code in (
        ("/models/young/rollback", 409, "no_earlier_version"),
        ("/models/young/rollback?version=7", 404, "no_such_model_version"),
        ("/models/none/rollback", 404, "no_such_model"),
    ):
        refused = served.post(path)
        assert (refused.status_code, refused.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "run_or_runs"),
        ({"run": "run_one", "runs": {"run_one": 1}}, "run_or_runs"),
        ({"runs": {"run_one": 0.5, "run_two": 0.4}}, "shares_do_not_sum"),
        ({"runs": {"run_one": 1.5}}, "less_than_equal"),
        ({"runs": {}}, "too_short"),
        ({"run": "run_one", "shadow": {"run": "run_two", "share": 0}}, "greater_than"),
    ],
)
def test_shares_that_cannot_be_are_refused(served: TestClient, body: dict[str, Any], code: str) -> None:
    refused = served.put("/models/shared", json=body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


def test_a_split_sends_each_sticky_text_to_one_run_and_names_it(served: TestClient) -> None:
    split = {"run_one": 0.5, "run_two": 0.5}
    answer = served.put("/models/halves", json={"runs": split}).json()
    assert answer["runs"] == split and answer["history"][0]["runs"] == split
    runs = {text: asked(served, model="halves", sticky=text) for text in map(str, range(40))}
    assert set(runs.values()) == {("run_one", "halves"), ("run_two", "halves")}
    assert all(asked(served, model="halves", sticky=text) == run for text, run in runs.items())
    at_random = {asked(served, model="halves")[0] for _ in range(60)}
    assert at_random == {"run_one", "run_two"}


def test_a_run_of_a_split_or_in_a_shadow_is_not_deleted(service: Service) -> None:
    client = service.client
    for run in ("run_main", "run_small", "run_shadow"):
        serve(client, run)
    body = {"runs": {"run_main": 0.9, "run_small": 0.1}, "shadow": {"run": "run_shadow", "share": 0.2}}
    assert client.put("/models/composed", json=body).status_code == 200
    client.put("/models/composed", json={"run": "run_main"})
    for run in ("run_small", "run_shadow"):
        refused = client.delete(f"/runs/{run}")
        assert (refused.status_code, refused.json()["params"]["models"]) == (409, ["composed"])


@pytest.mark.sql
def test_a_change_is_seen_by_another_process_at_once(service: Service) -> None:
    first, second = serve(service.client, "run_first"), serve(service.client, "run_second")
    point(service.client, "seen", first)
    with client_of(service.settings) as other:
        for run in (second, first, second):
            assert asked(other, model="seen")[0] != run
            point(service.client, "seen", run)
            assert asked(other, model="seen")[0] == run


@pytest.mark.long
def test_a_switch_under_load_loses_no_request(address: str) -> None:
    with httpx.Client(base_url=f"http://{address}", timeout=60) as client:
        runs = [client.post("/runs", json=SMALL | {"seed": seed}).json()["id"] for seed in range(2)]
        for run in runs:
            while client.get(f"/runs/{run}", params={"wait": 30}).json()["status"] != "succeeded":
                pass
        client.put("/models/switched", json={"run": runs[0]})
        done = Event()

        def ask_on(_: int) -> list[httpx.Response]:
            with httpx.Client(base_url=f"http://{address}", timeout=60) as own:
                answers = []
                while not done.is_set():
                    answers.append(own.post("/predict", params={"model": "switched"}, json=ZEROS))
                return answers

        with ThreadPoolExecutor(32) as pool:
            asking = pool.map(ask_on, range(32))
            for switch in range(100):
                run = runs[(switch + 1) % 2]
                assert client.put("/models/switched", json={"run": run}).status_code == 200
                assert client.post("/predict", params={"model": "switched"}, json=ZEROS).json()["run"] == run
            done.set()
            answers = [answer for own in asking for answer in own]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["run"] for answer in answers} == set(runs)
