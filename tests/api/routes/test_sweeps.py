"""Sweeps over HTTP: what is refused at once, and sweeps that a real worker trains."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.processes import until
from tests.support.services import Service
from tests.support.sweeps import BASE, claim_and_advance, end_runs, finish, post_sweep
from tests.support.workers import Workers

GRID = {"optimizer.lr": [0.1, 0.01]}
TPE = {"optimizer.lr": {"low": 0.001, "high": 0.1, "log": True}}
MOMENTUM = {"optimizer.momentum": [0.9], "optimizer.name": ["momentum", "adam"]}
FORTY = list(range(1, 41))
UNDIVIDED, STEPS = BASE | {"split": {"validation": 0}}, BASE | {"stop": {"max_steps": 9}}


def ended(client: TestClient, sweep: str) -> dict[str, Any]:
    until(lambda: client.get(f"/sweeps/{sweep}").json()["status"] != "running")
    answer: dict[str, Any] = client.get(f"/sweeps/{sweep}").json()
    return answer


def test_a_sweep_is_trained_ranked_and_promoted(client: TestClient, worker: Forked) -> None:
    sent = client.post("/sweeps", json={"base": BASE | {"stop": {"max_epochs": 2}}, "grid": GRID, "seeds": [0, 1]})
    assert sent.status_code == 202 and sent.headers["Location"] == sent.json()["links"]["self"]
    assert sent.json()["status"] == "running" and sent.json()["progress"]["trials"] == 2
    answer = ended(client, sent.json()["id"])
    assert answer["status"] == "succeeded", answer
    best = answer["trials"][0]
    runs = [client.get(f"/runs/{run['run']}").json() for run in best["runs"]]
    values = [run["metrics"]["validation"]["accuracy"] for run in runs]
    assert [run["value"] for run in best["runs"]] == values and best["mean"] == pytest.approx(sum(values) / 2)
    assert [run["request"]["seed"] for run in runs] == [0, 1]
    chosen = client.get(f"/runs/{answer['best']['run']}").json()
    assert chosen["metrics"]["test"] == answer["best"]["test"] is not None
    assert client.get(f"/runs/{chosen['id']}/evaluation").json()["accuracy"] == chosen["metrics"]["test"]["accuracy"]
    other = next(run["id"] for run in runs if run["id"] != chosen["id"])
    held_back = client.get(f"/runs/{other}/evaluation")
    assert (held_back.status_code, held_back.json()["code"]) == (404, "test_part_held_back")
    assert client.get(f"/runs/{other}/evaluation?part=validation").status_code == 200
    assert client.post(answer["links"]["promote"], json={"model": "digits"}).json()["run"] == chosen["id"]


@pytest.mark.long
def test_the_test_part_is_measured_as_the_run_would_have_done(client: TestClient, worker: Forked) -> None:
    base = BASE | {"stop": {"max_epochs": 2, "patience": 5}, "batch_size": 512}
    answer = ended(client, post_sweep(client, base=base, grid=GRID))
    chosen = client.get(f"/runs/{answer['best']['run']}").json()
    alone = client.post(f"/runs/{chosen['id']}/again").json()["id"]
    until(lambda: client.get(f"/runs/{alone}").json()["status"] == "succeeded")
    assert client.get(f"/runs/{alone}").json()["metrics"] == chosen["metrics"]
    evaluations = [client.get(f"/runs/{run}/evaluation").json() for run in (alone, chosen["id"])]
    assert evaluations[0] == evaluations[1]


@pytest.mark.long
@pytest.mark.sql
def test_a_promoted_trial_trains_as_if_it_had_never_paused(client: TestClient, worker: Forked) -> None:
    grid = {"optimizer.lr": [0.003, 0.01, 0.03]}
    base = BASE | {"batch_size": 512}  # of one step after another, bit for bit
    answer = ended(client, post_sweep(client, base=base, grid=grid, halving={"reduction": 3}))
    assert answer["rungs"] == [3] and [trial["status"] for trial in answer["trials"]].count("pruned") == 2
    run = client.get(f"/runs/{answer['best']['run']}").json()
    assert run["attempt"] == 2 and run["progress"]["epoch"] == 9
    alone = client.post(f"/runs/{run['id']}/again").json()["id"]
    until(lambda: client.get(f"/runs/{alone}").json()["status"] == "succeeded")
    curves = [client.get(f"/runs/{id}/curve?points=10000").json()["series"] for id in (run["id"], alone)]
    assert curves[0] == curves[1]
    weights = [client.get(f"/runs/{id}/weights").content for id in (run["id"], alone)]
    assert weights[0] == weights[1]
    pruned = client.get(f"/runs/{answer['trials'][1]['runs'][0]['run']}").json()
    assert (pruned["status"], pruned["stop_reason"], pruned["progress"]["epoch"]) == ("cancelled", "pruned", 3)
    client.post(f"/runs/{pruned['id']}/resume")
    until(lambda: client.get(f"/runs/{pruned['id']}").json()["status"] == "succeeded")
    assert client.get(f"/runs/{pruned['id']}").json()["progress"]["epoch"] == 9


@pytest.mark.long
def test_trials_that_train_together_pause_at_their_rung_each_by_itself(client: TestClient, workers: Workers) -> None:
    workers.start(ANTIGRAD_STACK_SIZE="8")
    rates = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
    base = BASE | {"batch_size": 16}
    answer = ended(client, post_sweep(client, base=base, grid={"optimizer.lr": rates}, halving={"reduction": 2}))
    assert answer["status"] == "succeeded" and answer["rungs"] == [3, 5]
    runs = [client.get(f"/runs/{trial['runs'][0]['run']}").json() for trial in answer["trials"]]
    assert any(run["environment"].get("program", {}).get("members", 1) > 1 for run in runs)
    epochs = sorted(run["progress"]["epoch"] for run in runs)
    assert epochs.count(9) >= 1 and set(epochs) <= {3, 5, 9} and len(epochs) == 6
    assert {run["status"] for run in runs} == {"succeeded", "cancelled"}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"grid": {"optimizer.lr": [0.1, -1]}}, "/grid/optimizer.lr", "greater_than"),
        ({"grid": {"optimizer.name": ["sgd", "adan"]}}, "/grid/optimizer.name", "union_tag_invalid"),
        ({"grid": MOMENTUM}, "/grid/optimizer.momentum", "no_such_field"),
        ({"grid": {"model.layers.7.units": [8]}}, "/grid/model.layers.7.units", "sweep_path_missing"),
        ({"grid": {"split.seed": [1, 2]}}, "/grid/split.seed", "sweep_field_fixed"),
        ({"grid": {"optimizer.lr": {"low": 0.1, "high": 1}}}, "/grid/optimizer.lr", "sweep_range_in_grid"),
        ({"grid": {"batch_size": FORTY, "stop.max_epochs": FORTY}}, "/grid", "sweep_grid_too_large"),
        ({"tpe": TPE}, "/trials", "sweep_without_trials"),
        ({"grid": GRID, "tpe": TPE, "trials": 3}, "/tpe", "sweep_with_samplers"),
        ({}, "", "sweep_without_sampler"),
        ({"tpe": {"optimizer.lr": {"low": -1, "high": 1}}, "trials": 3}, "/tpe/optimizer.lr", "greater_than"),
        ({"tpe": {"clip_norm": {"low": 1, "high": 0.1}}, "trials": 3}, "/tpe/clip_norm/high", "sweep_range_empty"),
        ({"grid": GRID, "metric": "test.accuracy"}, "/metric", "sweep_metric_malformed"),
        ({"grid": GRID, "metric": "validation.r2"}, "/metric", "sweep_metric_of_other_task"),
        ({"grid": GRID, "seeds": [1, 1]}, "/seeds", "seeds_repeat"),
        ({"grid": GRID, "base": UNDIVIDED}, "/base/split/validation", "sweep_without_validation"),
        ({"grid": GRID, "base": BASE | {"batch_size": 0}}, "/base/batch_size", "alternatives"),
        ({"grid": GRID, "base": BASE | {"scaling": {"inputs": "none"}}}, "/base/scaling", "field_for_other_inputs"),
        ({"grid": GRID, "base": STEPS, "halving": {}}, "/base/stop", "sweep_halving_needs_epochs"),
        ({"grid": GRID, "known": {"runs": []}}, "/known", "sweep_known_without_tpe"),
        ({"tpe": TPE, "trials": 3, "known": {"tag": "course:none"}}, "/known", "sweep_knows_nothing"),
        ({"tpe": TPE, "trials": 3, "known": {"runs": ["run_x"]}}, "/known/runs", "no_such_run"),
        ({"grid": GRID, "deadline": "2020-01-01T00:00:00Z"}, "/deadline", "sweep_deadline_passed"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_at_once_with_its_place(
    quick_client: TestClient, body: dict[str, Any], pointer: str, code: str
) -> None:
    answer = quick_client.post("/sweeps", json={"base": BASE} | body)
    assert answer.status_code == 422, answer.text
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


def test_a_sweep_of_an_unknown_dataset_is_no_sweep(quick_client: TestClient) -> None:
    answer = quick_client.post("/sweeps", json={"base": {"dataset": "none"}, "grid": GRID})
    assert (answer.status_code, answer.json()["code"]) == (404, "no_such_dataset")


def test_a_key_makes_one_sweep(client: TestClient) -> None:
    headers, body = {"Idempotency-Key": "first"}, {"base": BASE, "grid": GRID}
    first, second = (client.post("/sweeps", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"] and len(client.get("/sweeps").json()["items"]) == 1
    other = client.post("/sweeps", json=body | {"seeds": [5]}, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"
    run = client.post("/runs", json=BASE, headers=headers)
    assert run.json()["code"] == "idempotency_key_reused"


def test_the_list_has_the_newest_first_in_pages(client: TestClient) -> None:
    made = [post_sweep(client, grid=GRID, name=f"sweep {number}") for number in range(3)]
    page = client.get("/sweeps?limit=2").json()
    assert [item["id"] for item in page["items"]] == made[:0:-1] and page["items"][0]["name"] == "sweep 2"
    rest = client.get(f"/sweeps?cursor={page['next']}").json()
    assert [item["id"] for item in rest["items"]] == made[:1] and rest["next"] is None


def test_a_poller_is_told_that_nothing_has_changed(service: Service) -> None:
    sweep = post_sweep(service.client, grid=GRID)
    first = service.client.get(f"/sweeps/{sweep}")
    same = service.client.get(f"/sweeps/{sweep}", headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 304 and not same.content
    claim_and_advance(service.database, service.files)
    other = service.client.get(f"/sweeps/{sweep}", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200 and other.headers["ETag"] != first.headers["ETag"]


def test_a_cancelled_sweep_leaves_no_run_open(service: Service) -> None:
    client = service.client
    sweep = post_sweep(client, grid={"optimizer.lr": [0.1, 0.01, 0.02]}, halving={"reduction": 3})
    claim_and_advance(service.database, service.files)
    end_runs(service.database, sweep, lambda *_: 0.5, most=1)
    assert client.delete(f"/sweeps/{sweep}").json()["code"] == "sweep_is_running"
    answers = [client.post(f"/sweeps/{sweep}/cancel") for _ in range(2)]
    assert [answer.json()["status"] for answer in answers] == ["cancelled"] * 2
    runs = client.get("/runs", params={"sweep": sweep}).json()["items"]
    assert [run["status"] for run in runs] == ["cancelled"] * 3
    assert sorted(run["stop_reason"] for run in runs) == ["cancelled", "cancelled", "pruned"]
    assert not claim_and_advance(service.database, service.files)
    assert client.delete(f"/sweeps/{sweep}").status_code == 204
    assert client.get(f"/sweeps/{sweep}").status_code == 404
    assert client.delete("/runs", params={"sweep": sweep}).json()["deleted"] == 3


def test_a_sweep_is_extended_by_trials_and_by_another_space(service: Service) -> None:
    client = service.client
    sweep = post_sweep(client, random=TPE, trials=3)
    value = lambda request, _: 1 - request["optimizer"]["lr"]  # noqa: E731
    assert finish(service, sweep, value)["progress"]["ended"] == 3
    answer = client.patch(f"/sweeps/{sweep}", json={"trials": 5})
    assert answer.status_code == 202 and answer.json()["status"] == "running"
    before = finish(service, sweep, value)
    assert before["progress"]["ended"] == 5 and before["status"] == "succeeded"
    client.patch(f"/sweeps/{sweep}", json={"grid": {"optimizer.lr": [0.0005, 0.5]}})
    after = finish(service, sweep, value)
    assert after["progress"]["trials"] == after["progress"]["ended"] == 7
    assert after["trials"][0]["params"] == {"optimizer.lr": 0.0005} and after["request"].keys() >= {"grid"}
    assert "random" not in after["request"]
    assert after["best"]["run"] != before["best"]["run"]
    needs = client.patch(f"/sweeps/{sweep}", json={"tpe": TPE})
    assert needs.json()["code"] == "sweep_without_trials"
    wrong = client.patch(f"/sweeps/{sweep}", json={"grid": {"optimizer.lr": [-1]}})
    assert wrong.json()["errors"][0]["pointer"] == "/grid/optimizer.lr"


def test_a_change_takes_the_sweep_from_the_worker_that_holds_it(service: Service) -> None:
    from app.storage.database import database_now
    from app.storage.queue.claims import LeaseLost
    from app.storage.queue.sweep_claims import sweep_claims

    sweep = post_sweep(service.client, grid=GRID)
    with service.database.write() as db:
        held = sweep_claims.claim(db, "worker", database_now(), 30)
    assert held is not None
    service.client.patch(f"/sweeps/{sweep}", json={"parallel": 1})
    with pytest.raises(LeaseLost), service.database.write() as db:
        sweep_claims.write(db, held.id, held.attempt, deaths=0)
    assert claim_and_advance(service.database, service.files)


def test_importance_and_promotion_need_results(service: Service) -> None:
    client = service.client
    sweep = post_sweep(client, grid={"optimizer.lr": [0.1, 0.01, 0.02, 0.05], "batch_size": [16, 32, 64]})
    for answer in (
        client.get(f"/sweeps/{sweep}/importance"),
        client.post(f"/sweeps/{sweep}/promote", json={"model": "m"}),
    ):
        assert answer.status_code == 409
    finish(service, sweep, lambda request, _: 1 - request["optimizer"]["lr"])
    answer = client.get(f"/sweeps/{sweep}/importance").json()
    assert answer["parameters"][0]["name"] == "optimizer.lr" and answer["trials"] == 12
    assert answer["sentence"].startswith("optimizer.lr matters most")


def test_a_sweep_that_is_unknown_is_404_everywhere(quick_client: TestClient) -> None:
    body = {"model": "m"}
    answers = [
        quick_client.get("/sweeps/swp_none"),
        quick_client.get("/sweeps/swp_none/importance"),
        quick_client.patch("/sweeps/swp_none", json={"trials": 3}),
        quick_client.post("/sweeps/swp_none/cancel"),
        quick_client.post("/sweeps/swp_none/promote", json=body),
        quick_client.delete("/sweeps/swp_none"),
    ]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "no_such_sweep")}
    assert quick_client.get("/runs?sweep=swp_none").json()["items"] == []
