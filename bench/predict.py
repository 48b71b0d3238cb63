"""Throughput of `/predict` with a PNG as the raw body, on 32 connections to one process, against a no-op FastAPI
endpoint that reads the same body in an equal server. `wrk` makes the requests (Debian: wrk).

Targets: at least 0.5 of the no-op's requests/s, and a 99th percentile of at most 2 × the no-op's. Metrics cost at most
5% of the requests/s, batching at most 5% of the time of one client alone. JSON batches of 256 pictures reach at least
half of what `json.loads` and the network alone would. Two processes need at most 1.1 × the processor time of one.
While a training fills all cores, a third of the requests/s is kept, and the training keeps its share. A batch in the
background costs at most 20% of the 99th percentile, and uses 0.8 of what is idle (`bench/sharing`). LitServe and
BentoML reach at most a fifth (`bench/rivals`). The shadow of a model costs at most 5% of the 99th percentile, at full
load and at a third of it; tracing of 1% of the requests costs at most 10% of the requests/s. The saliency of a picture
takes at most 5 × a prediction.
"""

import json
import os
import shutil
import statistics
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import torch
from fastapi import FastAPI, Request

from app.learning.serialization import from_safetensors
from bench import rivals
from bench.report import figure
from bench.service import ended, home, started
from bench.sharing import beside_batch, beside_training
from bench.wrk import SECONDS, Service, load, rounds

PICTURES = 256  # of a JSON batch
FINE_ROUNDS = 15  # for a difference of 5%, which the noise of five rounds hides
SERVE = ["-m", "app.cli.main", "serve", "--port", "{port}"]

noop = FastAPI()


@noop.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@noop.post("/predict")
async def read(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


def main() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("the requests are made by wrk: apt-get install wrk")
    with home(), started([*SERVE, "--workers", "1"]) as (client, process):
        run = client.post("/runs", json={"dataset": "notmnist", "stop": {"max_epochs": 2}}).json()["id"]
        ended(client, run)
        picture = client.get("/datasets/notmnist/images/0.png").content
        weights = client.get(f"/runs/{run}/weights").content
        service = Service(client, process, f"run={run}")
        began = time.perf_counter()
        client.get(f"/runs/{run}/onnx").raise_for_status()  # loads the library
        figure("the first ONNX file of a process", 1000 * (time.perf_counter() - began), "ms", at_most=200)
        against_noop(service, picture)
        against_others(service, weights, picture)
        json_batches(service, weights)
        beside_training(service, picture)
        beside_batch(service, picture)
        several_processes(service, picture)
        shadow(service, run, picture)
        saliency(service, picture)
        tracing(service, picture)
        for part in ("metrics", "batching"):
            with started(["-m", "bench.without", part, *SERVE[2:], "--workers", "0"]) as (other, other_process):
                cost_of(part, service, Service(other, other_process, service.query), picture)


def against_noop(service: Service, picture: bytes) -> None:
    command = ["-m", "uvicorn", "bench.predict:noop", "--port", "{port}", "--log-level", "warning"]
    with started(command) as (client, process):
        rival = Service(client, process)
        pairs = rounds(lambda: rival.load(picture), lambda: service.load(picture))
    for name, side in (("no-op", 0), ("/predict", 1)):
        figure(name, statistics.median(pair[side].rate for pair in pairs), "req/s")
        figure(f"{name}, 99th percentile", statistics.median(pair[side].slow for pair in pairs), "ms")
    figure("/predict : no-op", statistics.median(b.rate / a.rate for a, b in pairs), "×", at_least=0.5)
    figure("/predict : no-op, 99th percentile", statistics.median(b.slow / a.slow for a, b in pairs), "×", at_most=2)


def against_others(service: Service, weights: bytes, picture: bytes) -> None:
    if not rivals.PYTHON.exists():
        print("LitServe and BentoML are not installed; `make rivals` does it")
        return
    with tempfile.TemporaryDirectory() as folder:
        rivals.save(from_safetensors(weights), Path(folder) / "network.pt")
        environment = os.environ | {
            "NETWORK": f"{folder}/network.pt",
            "BENTOML_HOME": folder,
            "BENTOML_DO_NOT_TRACK": "1",
        }
        for name, command in rivals.COMMANDS.items():
            with started(command, rivals.PYTHON, env=environment, cwd=rivals.FOLDER) as (client, process):
                rival = Service(client, process)
                pairs = rounds(lambda: rival.load(picture), lambda: service.load(picture))  # noqa: B023
            figure(name, statistics.median(other.rate for other, _ in pairs), "req/s")
            figure(f"/predict : {name}", statistics.median(b.rate / a.rate for a, b in pairs), "×", at_least=5)


def json_batches(service: Service, weights: bytes) -> None:
    trained = from_safetensors(weights)
    torch.set_num_threads(1)
    pictures = np.random.default_rng(0).integers(0, 256, (PICTURES, 784))
    body = json.dumps({"instances": pictures.tolist()}).encode()

    def alone() -> float:
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < SECONDS:
            values = torch.tensor(json.loads(body)["instances"]).reshape(-1, 1, 28, 28)
            trained.outputs(values)
            count += 1
        return count / (time.perf_counter() - began)

    pairs = rounds(alone, lambda: load(service.predict, "application/json", body, connections=1).rate)
    figure("JSON batches of 256 pictures: json.loads and the network", statistics.median(a for a, _ in pairs), "/s")
    figure("JSON batches of 256 pictures: /predict", statistics.median(b for _, b in pairs), "/s")
    figure("JSON batches : json.loads and the network", statistics.median(b / a for a, b in pairs), "×", at_least=0.5)


def several_processes(service: Service, picture: bytes) -> None:
    def seconds_per_request(served: Service) -> float:
        before = served.cpu_seconds()
        rate = served.load(picture, connections=64).rate
        return (served.cpu_seconds() - before) / (rate * SECONDS)

    with started([*SERVE, "--workers", "0", "--processes", "2"]) as (client, process):
        two = Service(client, process, service.query)
        pairs = rounds(lambda: seconds_per_request(service), lambda: seconds_per_request(two))
    ratio = statistics.median(b / a for a, b in pairs)
    figure("two processes: processor time for a request : one's", ratio, "×", at_most=1.1)


def shadow(service: Service, run: str, picture: bytes) -> None:
    client = service.client
    other = client.post(f"/runs/{run}/again", json={"seed": 1}).json()["id"]
    ended(client, other)
    client.put("/models/alone", json={"run": run}).raise_for_status()
    watched = {"run": run, "shadow": {"run": other, "share": 0.2}}
    client.put("/models/watched", json=watched).raise_for_status()
    alone, watched_by = (Service(client, service.process, f"model={name}") for name in ("alone", "watched"))
    third = alone.load(picture).rate / 3
    for name, rate in (("full load", None), ("a third of it", third)):
        pairs = rounds(lambda: alone.load(picture, rate=rate), lambda: watched_by.load(picture, rate=rate), FINE_ROUNDS)  # noqa: B023
        ratio = statistics.median(b.slow / a.slow for a, b in pairs)
        figure(f"a fifth in a shadow : none, 99th percentile, {name}", ratio, "×", at_most=1.05)
    report = client.get("/models/watched/shadow").json()
    seen = report["compared"] + report["dropped"]
    figure("inputs in the shadow's share that were compared", report["compared"] / seen, "")


def saliency(service: Service, picture: bytes) -> None:
    explained = Service(service.client, service.process, f"{service.query}&explain=gradient")
    pairs = rounds(lambda: service.load(picture, connections=1), lambda: explained.load(picture, connections=1))
    figure(
        "with saliency : a prediction, median", statistics.median(b.median / a.median for a, b in pairs), "×", at_most=5
    )


class Collector(BaseHTTPRequestHandler):
    """Takes spans, and forgets them."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def tracing(service: Service, picture: bytes) -> None:
    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        environment = os.environ | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "ANTIGRAD_TRACE_SHARE": "0.01",
        }
        with started([*SERVE, "--workers", "0"], env=environment) as (client, process):
            traced = Service(client, process, service.query)
            pairs = rounds(lambda: service.load(picture), lambda: traced.load(picture))
        collector.shutdown()
    ratio = statistics.median(b.rate / a.rate for a, b in pairs)
    figure("requests/s with 1% of them traced : without", ratio, "×", at_least=0.9)


def cost_of(part: str, query: str, picture: bytes) -> None:
    """The service against one without this part. Both are new and have no worker, so that nothing else differs."""
    serve = [*SERVE[2:], "--workers", "0"]
    with started([*SERVE[:2], *serve]) as new, started(["-m", "bench.without", part, *serve]) as other:
        service, without = Service(*new, query), Service(*other, query)
        if part == "metrics":
            pairs = rounds(lambda: without.load(picture), lambda: service.load(picture), FINE_ROUNDS)
            ratio = statistics.median(b.rate / a.rate for a, b in pairs)
            figure("requests/s with metrics : without", ratio, "×", at_least=0.95)
            return
        alone = rounds(lambda: without.load(picture, connections=1), lambda: service.load(picture, connections=1))
        ratio = statistics.median(b.median / a.median for a, b in alone)
        figure("one client alone, median with batching : without", ratio, "×", at_most=1.05)
