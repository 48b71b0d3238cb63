"""Actions on a run, on both databases, with a real worker."""

import time
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import select, update

from app.constants import DatasetStatus, RunStatus
from app.errors import Invalid
from app.runs.resolution import has_an_end
from app.settings import Settings
from app.storage.database import database_now
from app.storage.tables import Dataset, Run
from tests.support.commands import command
from tests.support.fork_server import Forked
from tests.support.rows import insert_run
from tests.support.runs import ENDLESS, SMALL, ended, outcome, queue, status, until, until_step
from tests.support.services import KEY, Service, client_of
from tests.support.workers import Workers

AUGMENTED = {"shift": 0.1, "rotate": 10, "scale": 0.1, "noise": 0.05, "erase": 0.1}


@pytest.mark.sql
def test_a_running_run_is_cancelled_within_a_second_and_says_so_only_when_it_is(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    run = queue(client, ENDLESS)
    until_step(client, run, 1)
    answer = client.post(f"/runs/{run}/cancel").json()
    assert answer["status"] in ("running", "cancelled")  # never reported as done too early
    until(client, run, "cancelled")
    found = client.get(f"/runs/{run}").json()
    assert found["stop_reason"] == "cancelled" and found["finished_at"]
    points = client.get(f"/runs/{run}/curve").json()["points"]
    time.sleep(0.3)
    assert client.get(f"/runs/{run}/curve").json()["points"] == points
    assert client.post(f"/runs/{run}/cancel").json()["status"] == "cancelled"  # cancelling twice is harmless
    assert client.get(f"/runs/{run}/curve.png?axis=epoch").content.startswith(b"\x89PNG")
    assert found["progress"]["steps_per_epoch"] == 36  # 1,149 digits in batches of 32


def test_a_name_may_hold_what_a_formula_would(client: TestClient) -> None:
    run = queue(client, SMALL | {"name": "cost $\\frac{ and $"})
    assert client.get(f"/runs/{run}/curve.png").content.startswith(b"\x89PNG")
    early = client.get(f"/runs/{run}/curve.png?axis=epoch")
    assert early.status_code == 409 and "axis=step" in early.json()["detail"]


@pytest.mark.sql
def test_runs_are_listed_by_their_datasets_name_or_id(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        db.execute(update(Dataset).where(Dataset.id == "digits").values(name="figures"))
    queue(client, SMALL | {"dataset": "notmnist"})
    run = queue(client, SMALL)
    for dataset in ("digits", "figures"):
        assert [item["id"] for item in client.get("/runs", params={"dataset": dataset}).json()["items"]] == [run]
    refused = client.get("/runs", params={"dataset": "figurse"})
    assert refused.status_code == 422 and "notmnist" in refused.json()["detail"]
    assert client.post("/runs/cancel", params={"dataset": "figures"}).json() == {"cancelled": 1}


def test_whoever_queues_a_run_is_told_where_to_look_and_when(client: TestClient) -> None:
    answer = client.post("/runs", json=SMALL)
    assert answer.headers["Location"] == f"/runs/{answer.json()['id']}" and int(answer.headers["Retry-After"]) >= 1


@pytest.mark.sql
def test_a_queued_run_is_cancelled_at_once(client: TestClient) -> None:
    run = queue(client, SMALL)
    assert client.post(f"/runs/{run}/cancel").json()["status"] == "cancelled"


@pytest.mark.sql
@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("queued", "is queued"),
        ("paused", "is paused"),
        ("succeeded", "has succeeded"),
        ("failed", "has failed"),
        ("cancelled", "has been cancelled"),
    ],
)
def test_what_a_run_cannot_do_now_says_how_it_stands_in_words(
    client: TestClient, status: str, said: str, service: Service
) -> None:
    run = queue(client, SMALL)
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(status=status))
    refused = [client.get(f"/runs/{run}/weights"), client.get(f"/runs/{run}/evaluation"),
               client.post(f"/predict?run={run}", json={"instances": [[0.0] * 64]}),
               client.put("/models/letters", json={"run": run})]  # fmt: skip
    if status not in ("queued", "paused"):
        refused.append(client.post(f"/runs/{run}/pause"))
    for answer in refused:
        assert answer.status_code in (404, 409) and answer.json()["detail"].startswith(f"the run {said}; "), answer.text


@pytest.mark.sql
def test_cancel_by_filter_takes_what_matches_and_needs_a_filter(client: TestClient) -> None:
    mine, other = queue(client, SMALL | {"tags": {"by": "ann"}}), queue(client, SMALL | {"tags": {"by": "bob"}})
    assert client.post("/runs/cancel").status_code == 422
    assert client.post("/runs/cancel", params={"tag": "by:ann"}).json() == {"cancelled": 1}
    assert (status(client, mine), status(client, other)) == ("cancelled", "queued")


@pytest.mark.sql
@pytest.mark.parametrize("augment", [None, AUGMENTED], ids=["plain", "augmented"])
def test_a_paused_run_goes_on_exactly(client: TestClient, workers: Workers, augment: Any) -> None:
    request = SMALL | {"optimizer": {"name": "adam"}, "augment": augment}
    workers.start()
    run = queue(client, request | {"stop": {"max_epochs": 10**6}})
    until_step(client, run, 5)
    client.post(f"/runs/{run}/pause")
    until(client, run, "paused")
    stop = {"max_epochs": client.get(f"/runs/{run}").json()["progress"]["epoch"] + 2}
    assert client.post(f"/runs/{run}/resume", json={"stop": stop}).status_code == 202
    assert ended(client, run)["status"] == "succeeded"
    undisturbed = queue(client, request | {"stop": stop})
    assert ended(client, undisturbed)["status"] == "succeeded"
    assert outcome(client, run) == outcome(client, undisturbed)


@pytest.mark.sql
def test_a_finished_run_is_trained_further_with_its_optimizers_state(client: TestClient, workers: Workers) -> None:
    workers.start()
    whole = queue(client, SMALL | {"stop": {"max_epochs": 6}, "optimizer": {"name": "momentum", "lr": 0.05}})
    run = queue(client, SMALL | {"stop": {"max_epochs": 3}, "optimizer": {"name": "momentum", "lr": 0.05}})
    assert ended(client, run)["status"] == "succeeded"
    assert client.post(f"/runs/{run}/resume").status_code == 422  # nothing is left to do
    refused = client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 2}})
    assert refused.status_code == 422 and "already" in refused.json()["detail"]
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 6}}).status_code == 202
    assert ended(client, run)["progress"]["epoch"] == 6
    ended(client, whole)
    assert outcome(client, run) == outcome(client, whole)


@pytest.mark.sql
def test_a_cancelled_run_can_go_on(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, ENDLESS)
    until_step(client, run, 3)
    client.post(f"/runs/{run}/cancel")
    until(client, run, "cancelled")
    epochs = client.get(f"/runs/{run}").json()["progress"]["epoch"] + 2
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": epochs}}).status_code == 202
    assert ended(client, run)["status"] == "succeeded"
    steps = client.get(f"/runs/{run}/curve", params={"points": 10**7}).json()["series"]["train.loss"]["step"]
    assert steps == list(range(1, len(steps) + 1))


@pytest.mark.sql
def test_again_makes_a_new_run_of_the_request_with_changes(client: TestClient) -> None:
    first = client.post("/runs", json=SMALL | {"optimizer": {"name": "sgd", "lr": 0.5}}).json()
    second = client.post(f"/runs/{first['id']}/again", json={"seed": 7, "optimizer": {"lr": 0.25}})
    assert second.status_code == 202
    assert second.json()["id"] != first["id"]
    changed = {"seed": 7, "optimizer": first["request"]["optimizer"] | {"lr": 0.25}}
    assert second.json()["request"] == first["request"] | changed
    refused = client.post(f"/runs/{first['id']}/again", json={"optimizer": {"momentum": 0.9}})
    assert refused.status_code == 422 and "momentum" in refused.text  # sgd has no momentum
    other = client.post(f"/runs/{first['id']}/again", json={"optimizer": {"formulas": "lecture"}}).json()
    assert other["request"]["optimizer"] == {"name": "sgd", "formulas": "lecture", "lr": 0.1}


def test_again_carries_an_augmentation_over_changes_a_field_of_it_or_leaves_it_out(client: TestClient) -> None:
    preset = {"dataset": "digits", "model": {"preset": "mlp"}, "augment": {"shift": 0.1, "erase": 0.2}}
    first = client.post("/runs", json=preset).json()
    whole = {"shift": 0.1, "rotate": 0.0, "scale": 0.0, "noise": 0.0, "erase": 0.2}
    assert first["request"]["augment"] == whole

    def again(**changes: Any) -> Any:
        return client.post(f"/runs/{first['id']}/again", json=changes)

    assert again(seed=1).json()["request"]["augment"] == whole
    assert again(augment={"erase": 0, "rotate": 15}).json()["request"]["augment"] == whole | {"erase": 0, "rotate": 15}
    assert again(augment=None).json()["request"]["augment"] is None
    assert "/augment" in again(augment={"erase": 0, "shift": 0}).text


def test_a_run_of_before_there_was_augmentation_is_trained_repeated_and_written_out(
    client: TestClient, workers: Workers, service: Service
) -> None:
    run = queue(client, SMALL)
    with service.database.write() as db:
        request = client.get(f"/runs/{run}").json()["request"]
        db.execute(
            update(Run).where(Run.id == run).values(request={k: v for k, v in request.items() if k != "augment"})
        )
    workers.start()
    assert ended(client, run)["status"] == "succeeded"
    assert "augment" not in client.get(f"/runs/{run}").json()["request"]
    assert "augmented" not in client.get(f"/runs/{run}/script").text
    assert client.post(f"/runs/{run}/again").json()["request"]["augment"] is None
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 4}}).status_code == 202
    assert ended(client, run)["status"] == "succeeded"


@pytest.mark.sql
def test_a_repetition_is_the_same_though_its_run_was_resumed_meanwhile(client: TestClient, worker: Forked) -> None:
    run = queue(client, SMALL)
    ended(client, run)
    headers = {"Idempotency-Key": "again-1"}
    first = client.post(f"/runs/{run}/again", json={"seed": 7}, headers=headers)
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 5}}).status_code == 202
    second = client.post(f"/runs/{run}/again", json={"seed": 7}, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert client.post(f"/runs/{run}/again", json={"seed": 8}, headers=headers).status_code == 422


def test_another_schedule_replaces_the_one_before_and_a_field_of_it_is_changed(client: TestClient) -> None:
    first = client.post("/runs", json=SMALL | {"schedule": "cosine"}).json()
    assert first["request"]["schedule"] == {"name": "cosine", "floor": 0.0, "warmup": 0}

    def again(schedule: Any) -> Any:
        return client.post(f"/runs/{first['id']}/again", json={"schedule": schedule}).json()["request"]["schedule"]

    assert again({"warmup": 5}) == {"name": "cosine", "floor": 0.0, "warmup": 5}
    assert again({"name": "step", "every": 9}) == {"name": "step", "every": 9, "gamma": 0.1, "warmup": 0}
    assert again("constant") == {"name": "constant", "warmup": 0}


def test_a_schedule_that_needs_the_runs_length_is_refused_where_nothing_says_it() -> None:
    open_end = {"max_epochs": None, "max_steps": None}
    for name in ("cosine", "one_cycle"):
        with pytest.raises(Invalid, match="needs the length of the run"):
            has_an_end({"name": name}, open_end)
        has_an_end({"name": name}, open_end | {"max_steps": 5})
    has_an_end({"name": "constant"}, open_end)


@pytest.mark.sql
def test_a_deleted_run_is_gone_with_its_files(client: TestClient, workers: Workers, settings: Settings) -> None:
    workers.start()
    run = queue(client, SMALL)
    until(client, run, "succeeded")
    assert client.delete(f"/runs/{run}").status_code == 204
    assert client.get(f"/runs/{run}").status_code == 404
    assert not (settings.files / "runs" / run).exists()
    running = queue(client, ENDLESS)
    until_step(client, running, 1)
    assert client.delete(f"/runs/{running}").status_code == 409
    client.post(f"/runs/{running}/cancel")


@pytest.mark.sql
def test_a_list_is_stable_while_runs_are_added(client: TestClient) -> None:
    runs = [queue(client, SMALL | {"tags": {"n": str(n % 2)}}) for n in range(7)]
    first = client.get("/runs", params={"limit": 3}).json()
    queue(client, SMALL)
    second = client.get("/runs", params={"limit": 3, "cursor": first["next"]}).json()
    third = client.get("/runs", params={"limit": 3, "cursor": second["next"]}).json()
    seen = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert seen == runs[::-1] and third["next"] is None
    tagged = client.get("/runs", params={"tag": "n:1"}).json()["items"]
    assert [item["id"] for item in tagged] == runs[1::2][::-1]
    assert client.get("/runs", params={"status": "running"}).json()["items"] == []


def test_an_unknown_status_is_refused_with_those_there_are(quick_client: TestClient) -> None:
    for method, path in (("GET", "/runs"), ("POST", "/runs/cancel")):
        answer = quick_client.request(method, path, params={"status": "canceled"})
        [error] = answer.json()["errors"]
        assert answer.status_code == 422 and error["pointer"] == "status"
        assert all(f"'{status}'" in error["detail"] for status in RunStatus)
        assert error["detail"].endswith("did you mean 'cancelled'?")


def test_the_document_lists_the_statuses(quick_client: TestClient) -> None:
    schemas = quick_client.get("/openapi.json").json()["components"]["schemas"]
    for answer, statuses in (
        ("RunAnswer", RunStatus),
        ("DatasetItem", DatasetStatus),
        ("DatasetAnswer", DatasetStatus),
    ):
        reference = schemas[answer]["properties"]["status"]["$ref"].rpartition("/")[2]
        assert schemas[reference]["enum"] == [member.value for member in statuses]


@pytest.mark.sql
def test_the_queue_tells_the_place_and_honours_priority(client: TestClient) -> None:
    low, high = queue(client, SMALL), queue(client, SMALL | {"priority": 5})
    places = [client.get(f"/runs/{run}").json()["queue"]["position"] for run in (low, high)]
    assert places == [2, 1]


def test_an_unchanged_run_answers_304(client: TestClient) -> None:
    run = queue(client, SMALL)
    first = client.get(f"/runs/{run}")
    assert client.get(f"/runs/{run}", headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    client.post(f"/runs/{run}/cancel")
    assert client.get(f"/runs/{run}", headers={"If-None-Match": first.headers["etag"]}).status_code == 200


@pytest.mark.sql
def test_the_start_is_estimated_from_how_long_runs_train(
    client: TestClient, settings: Settings, service: Service
) -> None:
    first, second, third = (queue(client, SMALL) for _ in range(3))
    etag = client.get(f"/runs/{third}").headers["etag"]
    assert client.get(f"/runs/{third}").json()["queue"] == {"position": 3, "estimated_start": None}
    with service.database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        for id, seconds in (("run_a", 10), ("run_b", 30)):  # 20 s on average, without the pauses between them
            insert_run(db, id, progress={"seconds": seconds}, started_at=now - 1000, finished_at=now)
        held = {"progress": {"seconds": 5}, "worker": "w", "lease_expires_at": now + 60}
        insert_run(db, "run_c", "running", **held)
        insert_run(db, "run_d", "running", **held | {"progress": {"seconds": 3, "eta_seconds": 5}})  # own estimate
    starts = []
    for id in (first, second, third):
        estimate = client.get(f"/runs/{id}").json()["queue"]["estimated_start"]
        starts.append(datetime.fromisoformat(estimate).timestamp() - now)
    assert starts == pytest.approx([5, 15, 25], abs=2)  # two train at once, with 5 s and 15 s left
    unchanged = client.get(f"/runs/{third}", headers={"If-None-Match": etag})
    assert unchanged.status_code == 304  # an estimate that moves with the clock is not a change


@pytest.mark.sql
def test_a_run_that_is_trained_further_in_vain_serves_what_it_served(
    client: TestClient, workers: Workers, service: Service
) -> None:
    workers.start()
    run = queue(client, SMALL)
    assert ended(client, run)["status"] == "succeeded"
    weights, evaluation = (client.get(f"/runs/{run}/{what}").content for what in ("weights", "evaluation"))
    furthers = {"max_epochs": 6, "divergence": {"factor": 1.0001, "window": 1}}
    with service.database.write() as db:
        request = client.get(f"/runs/{run}").json()["request"]
        broken = request | {"optimizer": request["optimizer"] | {"lr": 1e9}}
        db.execute(update(Run).where(Run.id == run).values(request=broken))
    assert client.post(f"/runs/{run}/resume", json={"stop": furthers}).status_code == 202
    found = ended(client, run)
    assert (found["status"], found["stop_reason"]) == ("failed", "diverged")
    assert client.get(f"/runs/{run}/weights").content == weights
    assert client.get(f"/runs/{run}/evaluation").content == evaluation
    assert client.post("/predict", params={"run": run}, json={"instances": [[255] * 784]}).status_code == 200
    refused = client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 9}})
    assert refused.status_code == 409 and "smaller learning rate" in refused.json()["detail"]


@pytest.mark.sql
def test_a_run_that_failed_through_no_fault_of_its_own_goes_on_where_it_was(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    whole, run = queue(client, SMALL | {"stop": {"max_epochs": 6}}), queue(client, SMALL)
    assert ended(client, run)["status"] == "succeeded"
    weights = client.get(f"/runs/{run}/weights").content
    targets = settings.files / "datasets/digits/targets.npy"
    sound = targets.read_bytes()
    targets.write_bytes(b"broken")
    client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 6}})
    found = ended(client, run)
    assert found["status"] == "failed" and found["error"]["type"] == "ValueError"
    assert client.get(f"/runs/{run}/weights").content == weights  # it keeps serving the same weights
    targets.write_bytes(sound)
    assert client.post(f"/runs/{run}/resume").json()["error"] is None
    assert ended(client, run)["status"] == "succeeded"
    assert outcome(client, run) == outcome(client, whole)


@pytest.mark.sql
def test_wait_answers_when_the_status_changes(client: TestClient, workers: Workers) -> None:
    run = queue(client, SMALL)
    assert client.get(f"/runs/{run}", params={"wait": 0.2}).json()["status"] == "queued"
    workers.start()
    assert client.get(f"/runs/{run}", params={"wait": 30}).json()["status"] != "queued"


def test_a_diverging_run_fails_with_its_reason_its_last_step_and_its_curve(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    run = queue(client, SMALL | {"optimizer": {"name": "sgd", "lr": 1e9}, "stop": {"max_epochs": 50}})
    found = ended(client, run)
    assert (found["status"], found["stop_reason"]) == ("failed", "diverged")
    assert "smaller learning rate" in found["error"]["message"] and found["progress"]["step"] >= 1
    curve = client.get(f"/runs/{run}/curve")
    assert any(isinstance(value, str) for value in curve.json()["series"]["train.loss"]["value"])  # "NaN", as JSON
    assert client.get(f"/runs/{run}/curve.png").content.startswith(b"\x89PNG")
    assert b"<svg" in client.get(f"/runs/{run}/curve.svg").content
    rows = client.get(f"/runs/{run}/curve.csv", params={"series": "train.loss"}).text.splitlines()
    assert len(rows) == 1 + found["progress"]["step"]
    guess = client.post("/predict", params={"run": run}, json={"instances": [[255] * 784]})
    assert guess.status_code == 409 and "diverged" in guess.json()["detail"]  # NaN is no answer


def test_a_run_that_raises_fails_with_type_message_and_trace(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    run = queue(client, SMALL)
    (settings.files / "datasets/digits/targets.npy").write_bytes(b"broken")
    workers.start()
    found = ended(client, run)
    assert found["status"] == "failed"
    assert found["error"]["type"] == "ValueError" and found["error"]["message"] and found["error"]["trace"]


@pytest.mark.parametrize("batch_size", [1, "full"])
def test_one_at_a_time_and_all_at_once_are_batch_sizes(
    client: TestClient, workers: Workers, batch_size: int | str
) -> None:
    workers.start()
    run = queue(client, SMALL | {"batch_size": batch_size, "stop": {"max_epochs": 1}})
    found = ended(client, run)
    assert found["status"] == "succeeded"
    assert found["progress"]["step"] == (1 if batch_size == "full" else 1149)


@pytest.mark.parametrize(
    ("layers", "gradients"),
    [(SMALL["model"], "by hand"), ({"layers": [{"type": "conv2d", "channels": 2}, {"type": "relu"}]}, "autograd")],
    ids=["linear", "convolution"],
)
def test_a_run_says_where_its_gradients_come_from(
    client: TestClient, workers: Workers, layers: dict[str, Any], gradients: str
) -> None:
    workers.start()
    run = queue(client, SMALL | {"model": layers, "stop": {"max_steps": 2}})
    assert ended(client, run)["environment"]["gradients"] == gradients


def test_a_part_of_no_examples_has_no_evaluation_and_it_is_said_which_parts_have_some(
    client: TestClient, workers: Workers, service: Service
) -> None:
    run = queue(client, SMALL | {"split": {"validation": 0}, "stop": {"max_steps": 2}})

    def evaluation(part: str) -> Any:
        return client.get(f"/runs/{run}/evaluation", params={"part": part})

    empty = "the run's validation part has no examples to evaluate; only train and test can be evaluated"
    before = evaluation("test"), evaluation("validation")
    assert [answer.status_code for answer in before] == [404, 404]
    assert "the run is queued; its evaluation exists once" in before[0].json()["detail"]
    assert before[1].json()["detail"] == empty  # it never will have one
    workers.start()
    ended(client, run)
    assert (evaluation("train").json()["examples"], evaluation("test").json()["examples"]) == (1437, 360)
    assert evaluation("validation").json()["detail"] == empty
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(environment={}))  # as in runs of older versions
    assert evaluation("validation").json()["detail"] == empty


def test_a_table_is_scaled_in_training_and_in_serving_alike(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, {"dataset": "diabetes", "batch_size": 32, "stop": {"max_epochs": 60}})
    found = ended(client, run)
    assert found["status"] == "succeeded" and found["metrics"]["test"]["r2"] > 0.3
    evaluation = client.get(f"/runs/{run}/evaluation").json()
    assert evaluation["mse"] == pytest.approx(found["metrics"]["test"]["mse"])
    answer = client.post(
        "/predict", params={"run": run}, json={"instances": [[59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.86, 87]]}
    )
    assert 50 < answer.json()["predictions"][0]["value"] < 300  # in the target's units


def test_an_empty_key_is_none_and_opens_nothing_beyond_this_machine(settings: Settings) -> None:
    assert Settings(api_key=SecretStr(" "), _env_file=None).api_key is None
    refused = command("serve", "--host", "0.0.0.0", ANTIGRAD_API_KEY="", ANTIGRAD_HOME=str(settings.home))
    assert refused.returncode == 2 and "ANTIGRAD_API_KEY" in refused.stderr


def test_a_key_is_asked_for_everywhere_but_by_probes(settings: Settings) -> None:
    locked = settings.model_copy(update={"api_key": SecretStr(KEY)})
    with client_of(locked) as client:
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        for path in ("/runs", "/docs", "/openapi.json", "/datasets", "/nothing"):
            assert client.get(path).status_code == 401, path
        assert client.get("/runs", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert client.get("/runs", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200
