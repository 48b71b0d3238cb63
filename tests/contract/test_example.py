"""The example of the contract is accepted, and the answer has every field that it shows."""

import json
from typing import Any

from fastapi.testclient import TestClient

REQUEST = """
{
  "name": "letters, baseline",
  "dataset": "notmnist",
  "split": {"validation": 0.16, "test": 0.2, "seed": 0, "stratify": true},
  "normalise": "unit",
  "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
  "loss": "cross_entropy",
  "optimizer": {"name": "adam", "lr": 0.001},
  "batch_size": 128,
  "stop": {"max_epochs": 20, "max_steps": null, "min_parameter_change": null, "target_loss": null, "max_seconds": null, "divergence": {"factor": 10.0, "window": 50}, "patience": null},
  "seed": 0,
  "device": "auto",
  "tags": {"course": "lesson 2"},
  "priority": 0
}
"""  # noqa: E501
ANSWER = {
    "id", "status", "stop_reason", "error", "task", "request", "progress", "queue", "warnings", "metrics", "attempt",
    "worker", "device", "created_at", "started_at", "finished_at", "links",
}  # fmt: skip
LINKS = {"self", "curve", "events", "cancel", "predict", "weights"}


def test_the_example_is_taken_whole_and_is_what_the_defaults_make_but_for_the_pixels(quick_client: TestClient) -> None:
    sent: dict[str, Any] = json.loads(REQUEST)
    answer = quick_client.post("/runs", json=sent)
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert run.keys() >= ANSWER and run["links"].keys() >= LINKS
    assert run["queue"].keys() == {"position", "estimated_start"}
    assert run["metrics"].keys() == {"train", "validation", "test"}
    assert run["links"]["predict"] == f"/predict?run={run['id']}"
    assert run["request"] | sent == run["request"] | {
        name: sent[name] for name in ("model", "loss", "optimizer", "split")
    }  # the service fills these in: the output layer, the fields of a name, and the other split options
    assert run["request"]["stop"] == sent["stop"]
    assert run["request"]["split"] == sent["split"] | {"own": False, "folds": None, "fold": 0}
    least = quick_client.post("/runs", json={"dataset": "notmnist"}).json()["request"]
    assert least == run["request"] | {"name": None, "tags": {}, "normalise": "standard"}
    assert run["warnings"] == []
