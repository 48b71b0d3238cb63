"""`/runs/{id}/card`: the model card of a trained run, as Markdown and as JSON."""

import subprocess

import yaml
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.rows import insert_run
from tests.support.runs import SMALL, ended, queue
from tests.support.services import Service


def test_a_card_has_what_the_record_has(client: TestClient, worker: Forked) -> None:
    run = queue(client, SMALL | {"name": "digits, baseline"})
    record = ended(client, run)
    found = client.get(f"/runs/{run}/card.json").json()
    assert found["request"] == record["request"] and found["metrics"] == record["metrics"]
    assert found["evaluation"] == client.get(f"/runs/{run}/evaluation").json()
    assert found["diagnosis"] == client.get(f"/runs/{run}/diagnosis").json()
    assert found["data"]["examples"] == record["environment"]["examples"]
    assert found["data"]["classes"] == client.get("/datasets/digits").json()["classes"]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"]) == 784 * 16 + 16 + 16 * 10 + 10
    page = client.get(f"/runs/{run}/card")
    assert page.headers["Content-Type"].startswith("text/markdown")
    _, head, body = page.text.split("---\n", 2)
    assert (
        yaml.safe_load(head)["model-index"][0]["results"][0]["metrics"][1]["value"]
        == record["metrics"]["test"]["accuracy"]
    )
    for limit in found["limits"]:
        assert limit[:15] in body.replace("\\", "")


def test_a_table_s_card_shows_a_row_to_send(client: TestClient, worker: Forked) -> None:
    run = queue(client, {"dataset": "diabetes", "stop": {"max_epochs": 1}})
    ended(client, run)
    found = client.get(f"/runs/{run}/card.json").json()
    (command,) = (line for line in found["usage"] if line.startswith("curl"))
    body = subprocess.run(["bash", "-c", f"printf %s {command.split(' -d ')[1].rpartition(' ')[0]}"],
                          capture_output=True, text=True, check=True).stdout  # fmt: skip
    answer = client.post("/predict", params={"run": run}, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200 and len(answer.json()["predictions"]) == 1
    assert found["evaluation"]["mse"] > 0 and client.get(f"/runs/{run}/card").status_code == 200


def test_a_run_without_weights_has_no_card(quick_client: TestClient) -> None:
    with Service.of(quick_client).database.write() as db:
        insert_run(db, "run_without_a_card", status="failed")
    for path in ("card", "card.json"):
        refused = quick_client.get(f"/runs/run_without_a_card/{path}")
        assert (refused.status_code, refused.json()["code"]) == (404, "no_weights")
