"""The lecture's experiments over HTTP: ordinary runs and their observations."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.runs import ended


def start(client: TestClient, name: str, **body: Any) -> dict[str, Any]:
    answer = client.post(f"/experiments/{name}", json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return answer.json()


def test_an_experiment_is_runs_and_what_is_seen_in_them(client: TestClient, worker: Forked) -> None:
    begun = start(client, "forgot_squeeze", seeds=[0, 7])
    assert (begun["status"], begun["observed"], begun["verdict"]) == ("running", None, None)
    assert [(run["trial"], run["seed"]) for run in begun["runs"]] == [
        ("squeezed", 0), ("broadcast", 0), ("squeezed", 7), ("broadcast", 7)
    ]  # fmt: skip
    runs = [ended(client, run["run"]) for run in begun["runs"]]
    assert [run["slip"] for run in runs] == [None, "broadcast_loss"] * 2
    assert [run["request"]["seed"] for run in runs] == [0, 0, 7, 7]
    found = client.get(begun["links"]["self"]).json()
    assert (found["status"], found["verdict"]) == ("ended", "shown"), found
    assert [seed["seed"] for seed in found["observed"]["seeds"]] == [0, 7]
    for kind in ("png", "svg"):
        assert client.get(f"{begun['links']['self']}/curve.{kind}", params={"series": "validation.loss"}).is_success
    right = found["observed"]["numbers"]["right"]
    assert 0.4 < right["min"] <= right["mean"] <= right["max"] < 1
    assert f"{right['mean']:.2f}" in found["observed"]["sentence"]


def test_what_goes_wrong_on_purpose_is_repeated_by_its_experiment_alone(client: TestClient) -> None:
    begun = start(client, "sign", seeds=[0])
    up = next(run["run"] for run in begun["runs"] if run["trial"] == "plus")
    for refused in (client.post(f"/runs/{up}/again"), client.get(f"/runs/{up}/script")):
        assert refused.status_code == 409 and "a deliberate fault (ascent)" in refused.json()["detail"]
    down = next(run["run"] for run in begun["runs"] if run["trial"] == "minus")
    assert client.post(f"/runs/{down}/again").status_code == 202  # an ordinary run
    assert len(client.get(begun["links"]["self"]).json()["runs"]) == 2


def test_what_is_observed_is_the_experiments_own(client: TestClient) -> None:
    begun = start(client, "sign", seeds=[0])
    [first, _] = begun["runs"]
    tags = client.get(f"/runs/{first['run']}").json()["request"]["tags"]
    forged = client.post("/runs", json={"dataset": "digits", "tags": tags | {"antigrad.seed": "abc"}})
    assert forged.status_code == 422 and forged.json()["errors"][0]["pointer"] == "/tags"
    repeated = client.post(f"/runs/{first['run']}/again", json={"tags": {"by": "me"}}).json()
    assert repeated["request"]["tags"] == {"by": "me"}
    assert client.post(f"/runs/{first['run']}/again", json={"tags": tags}).status_code == 422
    client.post(f"/runs/{first['run']}/cancel")
    further = client.post(f"/runs/{first['run']}/resume", json={"stop": {"max_steps": 99}})
    assert further.status_code == 409 and "cannot be changed" in further.json()["detail"]
    assert client.post(f"/runs/{first['run']}/resume").status_code == 202


def test_nobody_is_served_what_is_wrong_on_purpose_unless_he_asks_for_it(client: TestClient, worker: Forked) -> None:
    own = client.post("/runs", json={"dataset": "digits", "stop": {"max_steps": 5}}).json()["id"]
    ended(client, own)
    begun = start(client, "wrong_label", seeds=[0])
    for run in begun["runs"]:
        ended(client, run["run"])
    picture = client.get("/datasets/digits/images/3.png").content
    asked = [client.post(f"/predict{query}", content=picture, headers={"Content-Type": "image/png"}).json()["run"]
             for query in ("", f"?run={begun['runs'][1]['run']}")]  # fmt: skip
    assert asked == [own, begun["runs"][1]["run"]]


def test_who_asks_at_once_is_answered_as_who_asks_alone(quick_client: TestClient) -> None:
    trace = {"dataset": "digits", "batch_size": 16, "model": {"layers": [{"type": "dropout"}]}}

    def ask(number: int) -> Any:
        if number % 2:
            return quick_client.post("/experiments/backprop_by_hand", json={"seeds": [1]}).json()["observed"]
        return quick_client.post("/architectures/trace", json=trace).json()["loss"]

    alone = [ask(0), ask(1)]
    with ThreadPoolExecutor(4) as threads:
        assert all(found == alone[number % 2] for number, found in enumerate(threads.map(ask, range(40))))


def test_no_run_that_is_posted_can_go_wrong_on_purpose(client: TestClient) -> None:
    answer = client.post("/runs", json={"dataset": "digits", "slip": "ascent"})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == "/slip"


def test_an_experiment_whose_run_is_cancelled_is_incomplete(client: TestClient) -> None:
    begun = start(client, "sign", seeds=[0])
    for run in begun["runs"]:
        client.post(f"/runs/{run['run']}/cancel")
    found = client.get(begun["links"]["self"]).json()
    assert (found["status"], found["observed"], found["verdict"]) == ("incomplete", None, None)


def test_a_calculation_is_answered_at_once_and_alike_for_the_same_seeds(quick_client: TestClient) -> None:
    first, again = (quick_client.post("/experiments/backprop_by_hand", json={"seeds": [3, 4]}) for _ in range(2))
    assert first.status_code == 200 and first.json() == again.json()
    assert first.json()["verdict"] == "shown" and first.json()["runs"] == []
    details = first.json()["observed"]["seeds"][0]["details"]
    assert [len(details["matrices"][name]) for name in ("X", "W1", "W2", "∂L/∂W1")] == [2, 3, 2, 3]
    assert details["with_sigmoid"][0]["formula"] == "Z₁ = X·W₁"


def test_without_a_body_there_are_three_seeds(quick_client: TestClient) -> None:
    found = quick_client.post("/experiments/adam_variants").json()
    assert [seed["seed"] for seed in found["observed"]["seeds"]] == [0, 1, 2]


def test_a_key_starts_one_experiment(client: TestClient) -> None:
    headers = {"Idempotency-Key": "lesson-2"}
    first, second = (client.post("/experiments/sign", json={"seeds": [0]}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert first.headers["Location"] == second.headers["Location"]
    assert len(client.get("/runs").json()["items"]) == 2
    assert client.post("/experiments/pixels", json={"seeds": [0]}, headers=headers).status_code == 422


@pytest.mark.parametrize("seeds", [[], [0, 0], [-1], [0.5], list(range(6)), "0"])
def test_wrong_seeds_are_refused(quick_client: TestClient, seeds: Any) -> None:
    answer = quick_client.post("/experiments/sign", json={"seeds": seeds})
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"].startswith("/seeds")


def test_an_unknown_experiment_is_told_the_nearest(quick_client: TestClient) -> None:
    for answer in (quick_client.get("/experiments/linear_colapse"), quick_client.post("/experiments/linear_colapse")):
        assert answer.status_code == 404 and "did you mean 'linear_collapse'?" in answer.json()["detail"]
    assert quick_client.get("/experiments/sign/exp_none").status_code == 404


def test_the_list_names_the_newest_start_of_each(client: TestClient) -> None:
    def latest(name: str) -> str | None:
        items = {entry["name"]: entry["latest"] for entry in client.get("/experiments").json()["items"]}
        assert client.get(f"/experiments/{name}").json()["latest"] == items[name]
        return items[name]

    assert latest("sign") is None
    for _ in range(2):
        started = client.post("/experiments/sign", json={"seeds": [0]}).json()["id"]
        assert latest("sign") == started and latest("step_size") is None


def test_the_list_holds_each_with_what_it_runs(quick_client: TestClient) -> None:
    items = {entry["name"]: entry for entry in quick_client.get("/experiments").json()["items"]}
    assert len(items) >= 21
    assert quick_client.get("/experiments/forgot_eval").json() == items["forgot_eval"]
    [trial] = items["forgot_eval"]["trials"]
    assert trial["slip"] == "forgotten_eval" and "training mode" in trial["mistake"]
