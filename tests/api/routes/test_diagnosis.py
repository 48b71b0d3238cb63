"""Diagnostics and diagnosis over HTTP."""

import os
import signal
from itertools import pairwise

from fastapi.testclient import TestClient

from tests.support.processes import children
from tests.support.runs import SMALL, ended, queue, until_step
from tests.support.workers import Workers

MEASURES = {
    "input": {"activation_mean", "activation_spread", "largest_column", "smallest_column"},
    "linear": {"activation_mean", "activation_spread", "weight_norm", "gradient_norm", "update_ratio", "twin_units"},
    "relu": {"activation_mean", "activation_spread", "dead_units"},
    "tanh": {"activation_mean", "activation_spread", "saturated_units"},
}
NESTED = [
    {"type": "linear", "units": 16},
    {"type": "block", "repeat": 2, "layers": [{"type": "relu"}, {"type": "linear", "units": 16}]},
    {"type": "residual", "layers": [{"type": "tanh"}]},
]


def test_each_layer_is_seen_over_time_and_the_curve_stays_the_curve(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, SMALL | {"model": {"layers": NESTED}})
    steps = ended(client, run)["progress"]["step"]
    found = client.get(f"/runs/{run}/diagnostics").json()
    assert [(layer["layer"], layer["pointer"], layer["type"]) for layer in found["layers"]] == [
        ("input", "", "input"),
        ("0", "/model/layers/0", "linear"),
        ("1.0.0", "/model/layers/1/layers/0", "relu"),
        ("1.0.1", "/model/layers/1/layers/1", "linear"),
        ("1.1.0", "/model/layers/1/layers/0", "relu"),
        ("1.1.1", "/model/layers/1/layers/1", "linear"),
        ("2.0", "/model/layers/2/layers/0", "tanh"),
        ("3", "/model/layers/3", "linear"),
    ]
    for layer in found["layers"]:
        assert layer["measures"].keys() == MEASURES[layer["type"]]
        for name, points in layer["measures"].items():
            assert points["step"][0] == 1 and points["step"][-1] == steps, name

    curve = client.get(f"/runs/{run}/curve").json()["series"]
    assert set(curve) == {"train.loss", "train.accuracy", "validation.loss", "validation.accuracy"}
    assert ".gradient_norm" not in client.get(f"/runs/{run}/events").text
    asked = {"series": "layer.1.0.1.gradient_norm"}
    alone = client.get(f"/runs/{run}/curve", params=asked).json()["series"]
    assert alone[asked["series"]]["value"] == found["layers"][3]["measures"]["gradient_norm"]["value"]
    assert client.get(f"/runs/{run}/curve.png", params=asked).content.startswith(b"\x89PNG")
    refused = client.get(f"/runs/{run}/curve", params={"series": "layer.0.gradient_nrm"})
    said = refused.json()["detail"]
    assert refused.status_code == 422 and len(said) < 600
    assert said.startswith(
        "no series is called 'layer.0.gradient_nrm'; did you mean 'layer.0.gradient_norm'?; there are "
    )
    assert f"GET /runs/{run}/diagnostics has those of the layers" in said


def test_a_killed_child_repeats_no_sample(client: TestClient, workers: Workers) -> None:
    worker = workers.start()
    run = queue(client, SMALL | {"stop": {"max_epochs": 300}})
    for step in (200, 500):
        until_step(client, run, step)
        for child in children(worker.pid):
            os.kill(child, signal.SIGKILL)
    assert ended(client, run)["attempt"] > 1
    for layer in client.get(f"/runs/{run}/diagnostics").json()["layers"]:
        for points in layer["measures"].values():
            assert all(a < b for a, b in pairwise(points["step"]))
            assert points["step"][-1] == 300 * 36


def test_a_failed_run_is_told_why_and_a_sound_one_nothing(client: TestClient, workers: Workers) -> None:
    workers.start()
    wild = queue(client, SMALL | {"optimizer": {"name": "sgd", "lr": 1000}, "stop": {"max_epochs": 10}})
    sound = queue(client, SMALL | {"stop": {"max_epochs": 20}})
    ended(client, wild)
    (found,) = client.get(f"/runs/{wild}/diagnosis").json()
    assert (found["code"], found["severity"]) == ("learning_rate_too_high", "error")
    assert found["evidence"]["learning_rate"] == 1000
    assert found["try"].startswith(
        'set "optimizer": {"lr": 0.1}; and give it time to learn: set "stop": {"max_epochs":'
    )
    assert found["change"]["optimizer"] == {"lr": 0.1} and found["change"]["stop"]["max_epochs"] > 10
    ended(client, sound)
    assert client.get(f"/runs/{sound}/diagnosis").json() == []


def test_a_run_that_has_not_begun_has_no_diagnosis_yet(client: TestClient) -> None:
    run = queue(client, SMALL)
    assert client.get(f"/runs/{run}/diagnosis").json() == []
    assert client.get(f"/runs/{run}/diagnostics").json() == {"run": run, "layers": []}
    assert client.get("/runs/run_x/diagnosis").status_code == 404
