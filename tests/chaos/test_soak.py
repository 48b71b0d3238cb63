"""Predictions for a minute while the service is used for everything else: none fails, none is wrong, nothing leaks."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import httpx
import numpy as np
import psutil
import pytest

from app.settings import Settings
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.archives import letters, zipped
from tests.support.commands import CLI, until_ready
from tests.support.fork_server import Forked, fork_server
from tests.support.processes import free_port, until
from tests.support.served import insert_network

CLIENTS, SECONDS, SWITCHES = 32, 60, 100
RUNS = ("run_first", "run_second")
LONG = {"dataset": "notmnist", "stop": {"max_epochs": 10**6, "max_seconds": 600}}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[Forked, str]]:
    """A service with a worker, and two runs between which a name is switched."""
    settings = Settings(home=tmp_path / "home", _env_file=None)
    address = f"http://127.0.0.1:{(port := free_port())}"
    process = fork_server().start(CLI, "serve", "--port", str(port), ANTIGRAD_HOME=str(settings.home))
    until_ready(process, address)
    database = Database(settings.database)
    for seed, run in enumerate(RUNS):
        insert_network(database, LocalFiles(settings.home / "files"), run, seed=seed)
    database.close()
    yield process, address
    process.terminate()
    assert process.wait(120) == 0


class Beside:
    """Background load: actions that threads repeat until `over` is set. An error is kept, and ends all of them."""

    def __init__(self, address: str) -> None:
        self.address, self.over = address, threading.Event()
        self.errors: list[BaseException] = []
        self.switches = 0
        self.threads: list[threading.Thread] = []

    def start(self, action: Callable[[httpx.Client], None]) -> None:
        def repeat() -> None:
            try:
                with httpx.Client(base_url=self.address, timeout=60) as client:
                    while not self.over.is_set():
                        action(client)
            except BaseException as error:
                self.errors.append(error)
                self.over.set()

        self.threads.append(threading.Thread(target=repeat))
        self.threads[-1].start()

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


@pytest.mark.long
def test_a_minute_of_predictions_beside_everything_else(service: tuple[Forked, str]) -> None:
    process, address = service
    pictures = np.random.default_rng(0).integers(0, 256, (20, 784)).tolist()
    with httpx.Client(base_url=address, timeout=60) as client:
        expected = {run: [predicted(client, f"run={run}", picture) for picture in pictures] for run in RUNS}
        assert expected[RUNS[0]] != expected[RUNS[1]]
        client.put("/models/letters", json={"run": RUNS[0]}).raise_for_status()
        training = client.post("/runs", json=LONG).raise_for_status().json()["id"]
    beside = Beside(address)
    turns, names = cycle(RUNS), cycle(range(10**9))

    def predict(client: httpx.Client) -> None:
        place = int(time.monotonic() * 1e6) % len(pictures)
        run, label, chance = predicted(client, "model=letters", pictures[place])
        wanted = expected[run][place]
        assert (run, label) == wanted[:2] and chance == pytest.approx(wanted[2], abs=1e-6)

    def switch(client: httpx.Client) -> None:
        client.put("/models/letters", json={"run": next(turns)}).raise_for_status()
        beside.switches += 1
        time.sleep(0.2)

    def cancel(client: httpx.Client) -> None:
        run = client.post("/runs", json=LONG).raise_for_status().json()["id"]
        client.post(f"/runs/{run}/cancel").raise_for_status()

    def upload(client: httpx.Client) -> None:
        name = f"letters-{next(names)}"
        client.post(f"/datasets?name={name}", content=zipped(letters())).raise_for_status()
        until(lambda: client.get(f"/datasets/{name}").json()["status"] != "importing")
        client.delete(f"/datasets/{name}").raise_for_status()

    for action in (*[predict] * CLIENTS, switch, cancel, upload):
        beside.start(action)
    memory = []
    began = time.monotonic()
    while not beside.over.is_set() and (time.monotonic() - began < SECONDS or beside.switches < SWITCHES):
        time.sleep(0.5)
        memory.append(psutil.Process(process.pid).memory_info().rss)
    beside.stop()
    assert beside.errors == []
    warm, end = (np.median(part) for part in (memory[len(memory) // 3 : len(memory) // 2], memory[-10:]))
    assert end <= 1.05 * warm
    with httpx.Client(base_url=address, timeout=60) as client:
        assert client.get(f"/runs/{training}").json()["status"] == "running"
        client.post(f"/runs/{training}/cancel").raise_for_status()


@pytest.mark.long
def test_a_killed_api_loses_connections_only_and_comes_back_with_its_models(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", _env_file=None)
    port = free_port()
    address = f"http://127.0.0.1:{port}"

    def serve() -> Forked:
        arguments = "serve", "--port", str(port), "--workers", "0"
        process = fork_server().start(CLI, *arguments, ANTIGRAD_HOME=str(settings.home))
        until_ready(process, address)
        return process

    process = serve()
    database = Database(settings.database)
    insert_network(database, LocalFiles(settings.home / "files"), RUNS[0])
    database.close()
    picture = [100] * 784
    with httpx.Client(base_url=address) as client:
        client.put("/models/letters", json={"run": RUNS[0]}).raise_for_status()
        expected = predicted(client, "model=letters", picture)
    beside, answers = Beside(address), []

    def predict(client: httpx.Client) -> None:
        try:
            answers.append(predicted(client, "model=letters", picture))
        except httpx.TransportError:  # refused, or cut off by the kill
            time.sleep(0.01)

    for _ in range(8):
        beside.start(predict)
    until(lambda: len(answers) > 200)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    before = len(answers)
    process = serve()
    until(lambda: len(answers) > before + 200)
    beside.stop()
    process.terminate()
    assert process.wait(120) == 0
    assert beside.errors == []
    assert {(run, label) for run, label, _ in answers} == {expected[:2]}


def predicted(client: httpx.Client, query: str, picture: list[int]) -> tuple[str, str, float]:
    """The run that has answered, its label and the probability."""
    answer = client.post(f"/predict?{query}", json={"instances": [picture]}).raise_for_status().json()
    return answer["run"], answer["predictions"][0]["label"], answer["predictions"][0]["probability"]
