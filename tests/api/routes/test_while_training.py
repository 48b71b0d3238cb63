"""Training and other requests do not block each other."""

import time
from concurrent.futures import ThreadPoolExecutor

from fastapi.testclient import TestClient

from tests.support.runs import ended, outcome, until_step
from tests.support.workers import Workers

SMALL = {"dataset": "digits", "batch_size": 64, "stop": {"max_epochs": 3}}
LONG = {"dataset": "digits", "batch_size": 16, "stop": {"max_epochs": 10}, "device": "cpu"}


def test_five_hundred_looks_at_a_run_that_trains_all_answer(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = client.post("/runs", json=LONG | {"stop": {"max_epochs": 10**6}}).json()["id"]
    until_step(client, run, 1)

    with ThreadPoolExecutor(8) as pool:
        looks = set(pool.map(lambda _: client.get(f"/runs/{run}").status_code, range(500)))
    assert client.get(f"/runs/{run}").json()["status"] == "running"  # it trained all the while
    client.post(f"/runs/{run}/cancel")
    assert looks == {200}


def test_predictions_during_a_training_answer_and_change_none_of_its_bits(client: TestClient, workers: Workers) -> None:
    workers.start()
    first = client.post("/runs", json=SMALL).json()["id"]
    undisturbed = client.post("/runs", json=LONG).json()["id"]
    assert ended(client, undisturbed)["status"] == "succeeded"
    image = client.get("/datasets/digits/images/3.png").content
    headers = {"Content-Type": "image/png"}
    before = client.post(f"/predict?run={first}", content=image, headers=headers).json()
    run = client.post("/runs", json=LONG).json()["id"]
    until_step(client, run, 1)
    answers = 0
    while client.get(f"/runs/{run}").json()["status"] == "running":
        answer = client.post(f"/predict?run={first}", content=image, headers=headers)
        assert answer.status_code == 200 and answer.json() == before
        answers += 1
    assert answers > 10
    assert outcome(client, run) == outcome(client, undisturbed)


def test_a_checkpoint_of_a_run_that_still_trains_can_be_asked(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = client.post("/runs", json=LONG | {"stop": {"max_epochs": 10**6}}).json()["id"]
    image = client.get("/datasets/digits/images/3.png").content
    headers = {"Content-Type": "image/png"}
    until_step(client, run, 1)
    assert client.post(f"/predict?run={run}", content=image, headers=headers).status_code == 409
    while not (found := client.get(f"/runs/{run}/checkpoints").json()["items"]):
        time.sleep(0.05)
    step = found[-1]["step"]
    answer = client.post(f"/predict?run={run}&step={step}", content=image, headers=headers)
    assert answer.status_code == 200 and answer.json()["predictions"][0]["label"] in "0123456789"
    assert client.post(f"/predict?step={step}", content=image, headers=headers).status_code == 404  # no run has ended
    unknown = client.post(f"/predict?run={run}&step=999999999", content=image, headers=headers)
    assert unknown.status_code == 404 and str(step) in unknown.json()["detail"]
    while len(found := client.get(f"/runs/{run}/checkpoints").json()["items"]) < 20:
        time.sleep(0.1)
    seen = 0
    while (count := len(client.get(f"/runs/{run}/checkpoints").json()["items"])) >= seen:
        seen = count  # old checkpoints are thinned out
        time.sleep(0.1)
    kept = client.get(f"/runs/{run}/checkpoints").json()["items"]
    assert kept[0]["step"] == found[0]["step"] and kept[-1]["step"] >= found[-1]["step"]
    assert kept[-1]["metrics"]["validation"]["accuracy"] > 0.5
    client.post(f"/runs/{run}/cancel")
    ended(client, run)
    for item in client.get(f"/runs/{run}/checkpoints").json()["items"]:
        served = client.post(f"/predict?run={run}&step={item['step']}", content=image, headers=headers)
        assert served.status_code == 200  # every listed checkpoint has its file
