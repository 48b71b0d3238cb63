"""The change that a diagnosis proposes, made by the service."""

import io
import re
from typing import Any

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from tests.support.archives import zipped
from tests.support.runs import SMALL, ended, queue
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

WIDER = {"model": {"layers": [{"type": "linear", "units": 32}, {"type": "relu"}]}}
WILD = SMALL | {"optimizer": {"name": "sgd", "lr": 100.0}, "stop": {"max_epochs": 10}}


def icon(number: int) -> bytes:
    """A white square on transparency."""
    picture = Image.new("RGBA", (16, 16))
    picture.paste((255, 255, 255, 255), (2, 2, 4 + number % 10, 4 + number % 10))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def first(client: TestClient, run: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/runs/{run}/diagnosis").json()[0]
    return found


def test_a_run_is_repeated_with_the_change_of_its_first_finding(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, WILD)
    ended(client, run)
    change = first(client, run)["change"]
    key = {"Idempotency-Key": "once"}
    answer = client.post(f"/runs/{run}/again", params={"fix": True}, headers=key)
    assert answer.status_code == 202 and answer.headers["Location"] == f"/runs/{answer.json()['id']}"
    fixed, asked = answer.json(), client.get(f"/runs/{run}").json()["request"]
    assert fixed["id"] != run
    assert fixed["request"]["optimizer"] == asked["optimizer"] | change["optimizer"]
    assert fixed["request"]["stop"]["max_epochs"] == change["stop"]["max_epochs"]
    assert fixed["request"]["model"] == asked["model"]
    assert client.post(f"/runs/{run}/again", params={"fix": True}, headers=key).json()["id"] == fixed["id"]
    by_hand = client.post(f"/runs/{run}/again", json=change).json()
    assert by_hand["request"] == fixed["request"]
    own = client.post(f"/runs/{run}/again", params={"fix": True}, json={"optimizer": {"lr": 0.05}, "seed": 7}).json()
    assert own["request"]["optimizer"]["lr"] == 0.05 and own["request"]["seed"] == 7
    assert own["request"]["stop"] == fixed["request"]["stop"]
    assert ended(client, fixed["id"])["metrics"]["test"]["accuracy"] > 0.9


def test_a_run_that_was_too_short_goes_on(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, SMALL | WIDER | {"batch_size": 128, "normalise": "unit", "stop": {"max_epochs": 2}})
    steps = ended(client, run)["progress"]["step"]
    change = first(client, run)["change"]
    assert change.keys() == {"resume"}
    answer = client.post(f"/runs/{run}/again", params={"fix": True})
    assert answer.status_code == 202 and answer.json()["id"] == run
    assert answer.json()["request"]["stop"]["max_epochs"] == change["resume"]["stop"]["max_epochs"]
    assert ended(client, run)["progress"]["step"] > steps


def test_nothing_is_changed_where_nothing_is_found(client: TestClient, workers: Workers) -> None:
    waiting = queue(client, SMALL | {"stop": {"max_epochs": 25}})
    refused = client.post(f"/runs/{waiting}/again", params={"fix": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_fix")
    assert "the run is queued" in refused.json()["detail"]
    workers.start()
    ended(client, waiting)
    refused = client.post(f"/runs/{waiting}/again", params={"fix": True})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_fix")
    assert client.post("/runs/run_x/again", params={"fix": True}).status_code == 404


def test_what_a_person_has_to_look_at_is_named_with_an_address_that_is_there(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    random = np.random.default_rng(0)
    rows = "".join(f"{','.join(f'{x:.3f}' for x in random.normal(size=6))},{random.integers(2)}\n" for _ in range(600))
    upload(client, "noise&target=y&task=classification", ("a,b,c,d,e,f,y\n" + rows).encode())
    upload(client, "icons", zipped({f"{name}/{index}.png": icon(index) for name in "AB" for index in range(20)}))
    assert settled(client, "noise")["status"] == settled(client, "icons")["status"] == "ready"
    wide = {"model": {"layers": [{"type": "linear", "units": 128}, {"type": "relu"}] * 2}, "device": "cpu"}
    long = {"stop": {"max_epochs": 100}, "optimizer": {"name": "adam", "lr": 0.01}}
    wanted = {"labels_look_shuffled": {"dataset": "noise"} | wide | long, "inputs_do_not_differ": {"dataset": "icons"}}
    for code, request in wanted.items():
        run = queue(client, request)
        ended(client, run)
        found = first(client, run)
        assert found["code"] == code and found["change"] is None, found
        [address] = re.findall(r"GET (\S+?)[);]", found["try"])
        assert client.get(address).status_code == 200, address
        refused = client.post(f"/runs/{run}/again", params={"fix": True})
        assert refused.status_code == 409 and found["try"] in refused.json()["detail"]
