"""`antigrad serve`: its workers live as long as it does, and nothing is lost whatever is killed."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.chaos.test_kills import REQUEST
from tests.processes import family

Serve = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture
def serve(settings: Settings, port: int) -> Iterator[Serve]:
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "ANTIGRAD_HOME": str(settings.home),
        "ANTIGRAD_DATABASE_URL": settings.database_url,
        "ANTIGRAD_CHECKPOINT_SECONDS": "0.2",
    }

    def start() -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
        started.append(subprocess.Popen(command, env=environment))
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    return started[-1]
            except httpx.TransportError:
                time.sleep(0.05)
        raise AssertionError("the service does not answer")

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(120)


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def step(port: int, run: str) -> int:
    return int(get(port, f"/runs/{run}").json()["progress"].get("step", 0))


def queue(port: int) -> str:
    return str(httpx.post(f"http://127.0.0.1:{port}/runs", json=REQUEST).json()["id"])


def everybody(service: "subprocess.Popen[bytes]") -> list[int]:
    """All processes of a service with one worker: API, worker, warm server, and the child if it trains just now. The
    API answers before the others have started."""
    until(lambda: len(family(service.pid)) >= 3)
    return family(service.pid)


def outcome(port: int, run: str) -> tuple[dict[str, object], bytes]:
    curve = get(port, f"/runs/{run}/curve?series=train.loss&points=10000000").json()["series"]
    return curve, get(port, f"/runs/{run}/weights").content


def test_a_worker_that_dies_is_started_again(serve: Serve, port: int) -> None:
    service = serve()
    until(lambda: bool(get(port, "/workers").json()["items"]))
    [worker] = get(port, "/workers").json()["items"]
    os.kill(int(worker["id"].split("-")[-2]), signal.SIGKILL)
    run = queue(port)
    until(lambda: get(port, f"/runs/{run}").json()["status"] == "succeeded")
    assert service.poll() is None
    [another] = get(port, "/workers").json()["items"]
    assert another["id"] != worker["id"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_the_whole_service_killed_at_once_loses_no_step(serve: Serve, port: int, seed: int) -> None:
    chance = random.Random(seed)
    service = serve()
    undisturbed = queue(port)
    until(lambda: get(port, f"/runs/{undisturbed}").json()["status"] == "succeeded")
    run = queue(port)
    moments = sorted(chance.sample(range(1, 2000), chance.randint(1, 3)))
    for at_step in moments:
        until(lambda at_step=at_step: step(port, run) >= at_step)  # type: ignore[misc]
        for process in everybody(service):
            os.kill(process, signal.SIGKILL)
        service.wait()
        service = serve()
    until(lambda: get(port, f"/runs/{run}").json()["status"] == "succeeded")
    assert get(port, f"/runs/{run}").json()["attempt"] <= 1 + len(moments)
    assert outcome(port, run) == outcome(port, undisturbed)


def test_sigterm_ends_it_in_good_order(serve: Serve, port: int) -> None:
    service = serve()
    run = queue(port)
    until(lambda: step(port, run) >= 1)
    members = everybody(service)
    service.terminate()
    assert service.wait(120) == 0
    assert not any(Path(f"/proc/{process}").exists() for process in members)
    serve()
    until(lambda: get(port, f"/runs/{run}").json()["status"] == "succeeded")


def test_a_service_without_a_key_is_opened_to_others_only_on_purpose(settings: Settings, port: int) -> None:
    command = [
        sys.executable,
        "-m",
        "app.cli.main",
        "serve",
        "--host",
        "127.0.0.2",
        "--port",
        str(port),
        "--workers",
        "0",
    ]
    environment = os.environ | {"ANTIGRAD_HOME": str(settings.home), "ANTIGRAD_DATABASE_URL": settings.database_url}
    refused = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "ANTIGRAD_API_KEY" in refused.stderr and "--no-auth" in refused.stderr
    service = subprocess.Popen([*command, "--no-auth"], env=environment)
    try:

        def answers() -> bool:
            try:
                return httpx.get(f"http://127.0.0.2:{port}/runs").status_code == 200
            except httpx.TransportError:
                return False

        until(answers)
    finally:
        service.terminate()
        assert service.wait(120) == 0
