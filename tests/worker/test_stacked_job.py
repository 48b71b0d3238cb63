"""Runs of one architecture that wait together train as one program, and none notices the others."""

import os
import signal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from app.storage.tables import OwnerTurn, Run
from tests.support.processes import children, until
from tests.support.runs import REQUEST, ended, outcome, queue, status, until_step
from tests.support.services import Service
from tests.support.workers import Workers
from worker.stacked_job import StackedJob

pytestmark = pytest.mark.sql

SHORT = REQUEST | {"stop": {"max_epochs": 2}}
ON_SQLITE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
ON_EACH = pytest.mark.parametrize(
    "settings", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)], indirect=True
)


def variants(request: dict[str, Any], *fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [request | {"seed": seed} | own for seed, own in enumerate(fields)]


def program(client: TestClient, run: str) -> dict[str, Any] | None:
    return client.get(f"/runs/{run}").json()["environment"].get("program")


def members(client: TestClient, run: str) -> int:
    """The number of runs with which it began, itself included."""
    found = program(client, run)
    return 1 if found is None else found["members"]


def in_the_form_of(earlier: list[str], service: Service) -> Callable[[list[str]], None]:
    """Let runs use the products of earlier ones, as their own later attempts would: a measurement chooses those of a
    first attempt."""

    def keep(runs: list[str]) -> None:
        with service.database.write() as db:
            for run, other in zip(runs, earlier, strict=True):
                db.get_one(Run, run).environment = db.get_one(Run, other).environment

    return keep


def begin_together(
    client: TestClient, requests: list[dict[str, Any]], prepare: Callable[[list[str]], None] = lambda _: None
) -> list[str]:
    """Queue runs while the worker is busy, so that it claims them together. `prepare` gets them before they begin."""
    busy = queue(client, REQUEST | {"batch_size": 8, "stop": {"max_epochs": 10**6}})
    until_step(client, busy, 1)
    runs = [queue(client, request) for request in requests]
    prepare(runs)
    client.post(f"/runs/{busy}/cancel")
    return runs


def test_the_more_runs_there_are_the_less_often_all_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    now, job = 0.0, {"stack_size": 8, "members": [], "flush_seconds": 0.5}
    monkeypatch.setattr("worker.stacked_job.time.monotonic", lambda: now)
    for count, wait in ((1, 0.5), (3, 1.5), (8, 2.0)):
        stacked: Any = StackedJob(job, Any, Any, Any)  # type: ignore[arg-type]
        attempts = [SimpleNamespace(is_at_edge=number == 0) for number in range(count)]
        stacked.attempts = dict(enumerate(attempts))
        now += wait - 0.01
        assert stacked._due() == attempts[:1]
        now += 0.02
        assert stacked._due() == attempts
        assert stacked._due() == attempts[:1]


@ON_EACH
def test_runs_of_one_architecture_train_as_one_program_and_learn_what_they_would_alone(
    client: TestClient, workers: Workers, service: Service
) -> None:
    requests = variants(
        SHORT,
        {"optimizer": {"name": "adam", "lr": 0.002}},
        {"optimizer": {"name": "sgd", "lr": 0.05}, "schedule": {"name": "cosine"}},
        {"optimizer": {"name": "momentum"}, "stop": {"max_steps": 40}, "clip_norm": 1.0},
    )
    together = [queue(client, request) for request in requests]
    other = queue(client, SHORT | {"batch_size": 8})
    workers.start(ANTIGRAD_STACK_SIZE="8")
    results = [ended(client, run) for run in together]
    assert [result["status"] for result in results] == ["succeeded"] * 3
    assert [members(client, run) for run in together] == [3] * 3
    assert ended(client, other)["status"] == "succeeded" and program(client, other) is None
    seconds = sum(result["progress"]["seconds"] for result in results) / 3 + ended(client, other)["progress"]["seconds"]
    with service.database.read() as db:
        assert db.get_one(OwnerTurn, "").served == pytest.approx(seconds, abs=0.01)
    alone = queue(client, requests[1])
    wanted = ended(client, alone)
    assert program(client, alone) is None
    (steps, losses, _), (steps_alone, losses_alone, _) = outcome(client, together[1]), outcome(client, alone)
    assert steps == steps_alone and losses == pytest.approx(losses_alone, rel=1e-4, abs=1e-6)
    for result in (results[1], wanted):
        assert result["stop_reason"] == "max_epochs" and result["progress"]["step"] == len(steps)
        assert result["metrics"].keys() == {"train", "validation", "test"}
    loss = wanted["metrics"]["validation"]["loss"]
    assert results[1]["metrics"]["validation"]["loss"] == pytest.approx(loss, rel=1e-4)


@pytest.mark.long
@ON_SQLITE
def test_a_cancel_a_pause_and_an_error_of_one_leave_the_others_bit_equal(
    client: TestClient, workers: Workers, settings: Settings, service: Service
) -> None:
    requests = variants(REQUEST | {"stop": {"max_epochs": 80}}, {}, {}, {}, {}, {})
    worker = workers.start(ANTIGRAD_STACK_SIZE="8")
    undisturbed = begin_together(client, requests)
    for run in undisturbed:
        assert ended(client, run)["status"] == "succeeded"
    assert members(client, undisturbed[0]) == 5
    keep_form = in_the_form_of(undisturbed, service)

    def prepare(runs: list[str]) -> None:
        keep_form(runs)
        (settings.files / "runs" / runs[3]).touch()  # not a folder

    runs = begin_together(client, requests, prepare)
    until_step(client, runs[0], 1)
    assert len(children(worker.pid)) == 1
    client.post(f"/runs/{runs[1]}/cancel")
    client.post(f"/runs/{runs[2]}/pause")
    until(lambda: [status(client, run) for run in runs[1:3]] == ["cancelled", "paused"])
    failed = ended(client, runs[3])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "run_files_away")
    assert ended(client, runs[0])["status"] == ended(client, runs[4])["status"] == "succeeded"
    client.post(f"/runs/{runs[2]}/resume")
    resumed = ended(client, runs[2])
    assert resumed["status"] == "succeeded" and members(client, runs[2]) == 1
    assert program(client, runs[2]) == {"members": 1, "products": program(client, undisturbed[2])["products"]}  # type: ignore[index]
    for run, wanted in zip(runs, undisturbed, strict=True):
        if run not in (runs[1], runs[3]):
            assert outcome(client, run) == outcome(client, wanted)


@pytest.mark.long
@pytest.mark.parametrize(("settings", "killed"), [("sqlite", "worker"), ("postgres", "child")], indirect=["settings"])
def test_after_a_kill_each_goes_on_from_its_own_checkpoint(
    client: TestClient, workers: Workers, killed: str, service: Service
) -> None:
    requests = variants(REQUEST, {}, {}, {})
    undisturbed = [queue(client, request) for request in requests]
    worker = workers.start(ANTIGRAD_STACK_SIZE="8")
    for run in undisturbed:
        assert ended(client, run)["status"] == "succeeded"
    runs = begin_together(client, requests, in_the_form_of(undisturbed, service))
    until_step(client, runs[0], 500)
    if killed == "child":
        [child] = children(worker.pid)
        os.kill(child, signal.SIGKILL)
    else:
        worker.kill()
        worker.wait()
        workers.start(ANTIGRAD_STACK_SIZE="8")
    for run, wanted in zip(runs, undisturbed, strict=True):
        found = ended(client, run)
        assert found["status"] == "succeeded" and found["attempt"] == 2, found["error"]
        assert outcome(client, run) == outcome(client, wanted)


@pytest.mark.long
@ON_SQLITE
def test_waiting_runs_take_the_slots_of_those_that_have_ended(client: TestClient, workers: Workers) -> None:
    long, short = REQUEST | {"stop": {"max_epochs": 60}}, REQUEST | {"stop": {"max_epochs": 2}}
    runs = [queue(client, request) for request in variants(long, {}, short, short, {}, short)]
    worker = workers.start(ANTIGRAD_STACK_SIZE="2")
    until_step(client, runs[0], 1)
    processes = set(children(worker.pid))
    for run in runs:
        found = ended(client, run)
        assert found["status"] == "succeeded" and found["attempt"] == 1
        assert members(client, run) == 2
        processes |= set(children(worker.pid))
    assert len(processes) == 1
    alone = queue(client, short | {"seed": 4})
    assert ended(client, alone)["status"] == "succeeded"
    assert outcome(client, alone)[1] == pytest.approx(outcome(client, runs[4])[1], rel=1e-4)
