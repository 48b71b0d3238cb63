"""Number of runs that a worker trains at once, and number of their threads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.support.commands import CLI
from tests.support.fork_server import Forked, fork_server
from tests.support.processes import children
from tests.support.runs import ENDLESS, SMALL, ended, queue, status, until_step
from tests.support.services import client_of


@contextmanager
def working(settings: Settings, *options: str, **variables: str) -> Iterator[Forked]:
    """`antigrad worker` as users start it; it is terminated at the end if it still runs."""
    home = {"ANTIGRAD_HOME": str(settings.home), "ANTIGRAD_DATABASE_URL": settings.database_url}
    process = fork_server().start(CLI, "worker", *options, **home | variables)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_a_worker_trains_as_many_runs_at_once_as_it_is_told_to_and_hands_them_back(
    client: TestClient, settings: Settings
) -> None:
    runs = [queue(client, ENDLESS) for _ in range(3)]
    with working(settings, "--concurrency", "2") as worker:
        for run in runs[:2]:
            until_step(client, run, 1)
        assert [status(client, run) for run in runs] == ["running", "running", "queued"]
        assert len(children(worker.pid)) == 2
        client.post(f"/runs/{runs[0]}/cancel")
        until_step(client, runs[2], 1)  # a place is free for it
        assert [status(client, run) for run in runs] == ["cancelled", "running", "running"]
    assert [status(client, run) for run in runs] == ["cancelled", "queued", "queued"]


CORES = os.cpu_count() or 1


@pytest.mark.parametrize(
    ("options", "variables", "threads"),
    [
        (["--concurrency", str(CORES)], {"ANTIGRAD_THREADS": ""}, 1),
        ([], {"ANTIGRAD_THREADS": str(CORES + 1)}, CORES + 1),
    ],
    ids=["a share", "as set"],
)
def test_a_training_has_its_share_of_the_cores_or_the_threads_that_are_set(
    tmp_path: Path, options: list[str], variables: dict[str, str], threads: int
) -> None:
    settings = Settings(home=tmp_path / "home", _env_file=None)
    with client_of(settings) as client, working(settings, *options, **variables):
        run = queue(client, SMALL | {"stop": {"max_steps": 1}})
        assert ended(client, run)["environment"]["threads"] == threads
