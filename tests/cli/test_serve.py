"""`antigrad serve`: its workers live as long as it does, and no run is lost if a process is killed."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from tests.support.commands import CLI, command, until_ready
from tests.support.fork_server import Forked, fork_server
from tests.support.processes import family, free_port, until
from tests.support.runs import REQUEST

Serve = Callable[[], Forked]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def serve(settings: Settings, port: int) -> Iterator[Serve]:
    started: list[Forked] = []
    variables = {
        "ANTIGRAD_HOME": str(settings.home),
        "ANTIGRAD_DATABASE_URL": settings.database_url,
        "ANTIGRAD_CHECKPOINT_SECONDS": "0.2",
    }

    def start() -> Forked:
        started.append(fork_server().start(CLI, "serve", "--port", str(port), **variables))
        until_ready(started[-1], f"http://127.0.0.1:{port}")
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(120)


def get(port: int, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=30)


def step(port: int, run: str) -> int:
    return int(get(port, f"/runs/{run}").json()["progress"].get("step", 0))


def queue(port: int) -> str:
    return str(httpx.post(f"http://127.0.0.1:{port}/runs", json=REQUEST).json()["id"])


def everybody(service: Forked, port: int) -> list[int]:
    """All processes of a service with one worker: API, worker, its fork server, and the child that trains, if any.
    The API answers before the others have started; a worker that is listed has a fork server."""

    def works() -> bool:
        listed = {int(worker["id"].split("-")[-2]) for worker in get(port, "/workers").json()["items"]}
        return bool(listed & set(family(service.pid)))

    until(works)
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
        for process in everybody(service, port):
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
    members = everybody(service, port)
    service.terminate()
    assert service.wait(120) == 0
    assert not any(Path(f"/proc/{process}").exists() for process in members)
    serve()
    until(lambda: get(port, f"/runs/{run}").json()["status"] == "succeeded")


def test_a_service_without_a_key_is_opened_to_others_only_on_purpose(tmp_path: Path, port: int) -> None:
    arguments = ["serve", "--host", "127.0.0.2", "--port", str(port), "--workers", "0"]
    refused = command(*arguments, ANTIGRAD_HOME=str(tmp_path))
    assert refused.returncode == 2 and "ANTIGRAD_API_KEY" in refused.stderr and "--no-auth" in refused.stderr
    refused = command(*arguments, "--no-auth", ANTIGRAD_HOME=str(tmp_path))
    assert refused.returncode == 2 and "ANTIGRAD_HOSTS" in refused.stderr
    settings = {"ANTIGRAD_HOME": str(tmp_path), "ANTIGRAD_HOSTS": "127.0.0.2"}
    service = fork_server().start(CLI, *arguments, "--no-auth", **settings)
    until_ready(service, f"http://127.0.0.2:{port}")
    assert httpx.get(f"http://127.0.0.2:{port}/runs").status_code == 200
    service.terminate()
    assert service.wait(120) == 0
