"""The progress of a sweep, step by step: results are told, trials begin, and a kill at any statement changes nothing.

Runs do not train here; `tests/api/routes/test_sweeps.py` has sweeps that do.
"""

import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import event, func, select, update

from app.constants import ENDED, RunStatus
from app.runs.sweeps.advance import BUSY
from app.storage import deletion
from app.storage.database import Database
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Run, Sweep, SweepRun, SweepTrial
from tests.support import advance_once
from tests.support.fork_server import fork_server
from tests.support.services import Service
from tests.support.sweeps import claim_and_advance, end_runs, finish, post_sweep

TPE = {"optimizer.lr": {"low": 0.0001, "high": 1.0, "log": True}, "batch_size": [16, 32, 64]}
KILLS, KILLS_A_STEP = 100, 8
LONGEST_STEP = 0.3  # seconds after which a process is killed


def quality(request: dict[str, Any], epochs: int) -> float:
    """Best near lr = 0.01, and better with more epochs."""
    lr = request["optimizer"]["lr"]
    return round(1 / (1 + abs(lr - 0.01) * 10) - 0.1 / epochs, 6)


def proposals(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [trial["params"] for trial in sorted(answer["trials"], key=lambda trial: trial["number"])]


@pytest.mark.sql
def test_a_grid_with_seeds_is_queued_told_and_ranked(service: Service) -> None:
    grid = {"optimizer.lr": [0.1, 0.01], "optimizer.name": ["sgd", "adam"]}
    sweep = post_sweep(service.client, grid=grid, seeds=[3, 4])
    answer = finish(service, sweep, lambda request, _: quality(request, 9) + request["seed"] / 1000)
    assert (answer["status"], answer["progress"]["ended"], answer["progress"]["steps"]) == ("succeeded", 4, 8 * 90)
    assert [trial["rank"] for trial in answer["trials"]] == [1, 2, 3, 4]
    first = answer["trials"][0]
    assert first["params"]["optimizer.lr"] == 0.01
    assert [run["seed"] for run in first["runs"]] == [3, 4] and first["spread"] == pytest.approx(0.001 / 2**0.5)
    assert answer["best"]["run"] == first["runs"][1]["run"] and answer["best"]["test"] == {"accuracy": 0.5}
    runs = service.client.get("/runs", params={"sweep": sweep, "limit": 100}).json()["items"]
    assert len(runs) == 8 and {run["request"]["optimizer"]["lr"] for run in runs} == {0.1, 0.01}
    tested = [run["id"] for run in runs if run["metrics"]["test"] is not None]
    assert tested == [answer["best"]["run"]]  # the test part is measured for one run alone


def test_a_diverged_run_fails_its_trial_and_not_the_sweep(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01, 10.0]})
    answer = finish(service, sweep, lambda request, _: "NaN" if request["optimizer"]["lr"] > 1 else 0.5)
    assert answer["status"] == "succeeded"
    by_lr = {trial["params"]["optimizer.lr"]: trial for trial in answer["trials"]}
    assert (by_lr[10.0]["status"], by_lr[10.0]["rank"]) == ("failed", None)
    assert by_lr[10.0]["runs"][0]["outcome"] == "diverged"


def test_a_sweep_without_any_result_fails_with_its_reason(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [10.0, 20.0]})
    answer = finish(service, sweep, lambda *_: "NaN")
    assert (answer["status"], answer["best"]) == ("failed", None)
    assert answer["error"]["code"] == "sweep_without_result" and "2 trials" in answer["error"]["message"]


def test_halving_trains_few_trials_to_the_end_and_prunes_the_others(service: Service) -> None:
    grid = {"optimizer.lr": [round(0.001 * number, 3) for number in range(1, 28)]}
    sweep = post_sweep(service.client, grid=grid, halving={})
    answer = finish(service, sweep, quality)
    assert answer["rungs"] == [1, 3] and answer["status"] == "succeeded"
    status = [trial["status"] for trial in answer["trials"]]
    assert status.count("complete") == 3 and status.count("pruned") == 24
    assert answer["trials"][0]["params"]["optimizer.lr"] == 0.01
    assert [trial["epoch"] for trial in answer["trials"]].count(1) == 18
    assert answer["progress"]["steps"] == 10 * (18 * 1 + 6 * 3 + 3 * 9)
    pruned = service.client.get("/runs", params={"sweep": sweep, "status": "cancelled", "limit": 100}).json()["items"]
    assert len(pruned) == 24 and {run["stop_reason"] for run in pruned} == {"pruned"}


@pytest.mark.long
def test_at_most_as_many_trials_are_open_as_are_asked_for(service: Service) -> None:
    sweep = post_sweep(service.client, random=TPE, trials=7, parallel=3)
    left = 7
    while claim_and_advance(service.database, service.files):
        queued = service.client.get("/runs", params={"sweep": sweep, "status": "queued"}).json()["items"]
        assert len(queued) == min(3, left)
        left -= end_runs(service.database, sweep, quality, most=1)
    assert finish(service, sweep, quality)["status"] == "succeeded"


def test_a_small_space_ends_when_all_of_it_has_been_tried(service: Service) -> None:
    sweep = post_sweep(service.client, random={"optimizer.lr": [0.1, 0.2], "batch_size": [16, 32]}, trials=50)
    answer = finish(service, sweep, quality)
    assert answer["status"] == "succeeded" and len(answer["trials"]) == 4
    assert len({str(sorted(params.items())) for params in proposals(answer)}) == 4


def test_a_proposal_that_no_run_can_have_is_refused_with_its_reason(service: Service) -> None:
    """Such a pair is not in the corners of a random space, which are all that is checked before."""
    space = {"batch_size": {"choices": [16, "full"]}, "accumulate": [1, 2]}
    sweep = post_sweep(service.client, random=space, trials=4)
    answer = finish(service, sweep, quality)
    refused = [trial for trial in answer["trials"] if trial["status"] == "refused"]
    assert [trial["params"] for trial in refused] == [{"batch_size": "full", "accumulate": 2}]
    assert refused[0]["reason"]["code"] == "full_batch_accumulates" and refused[0]["runs"] == []
    assert answer["status"] == "succeeded" and answer["progress"]["ended"] == 4


def test_a_deleted_run_keeps_its_result_and_an_open_one_is_lost(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01, 0.02]}, parallel=2)
    claim_and_advance(service.database, service.files)
    end_runs(service.database, sweep, quality, most=1)
    claim_and_advance(service.database, service.files)
    trials = service.client.get(f"/sweeps/{sweep}").json()["trials"]
    runs = [trial["runs"][0]["run"] for trial in sorted(trials, key=lambda trial: trial["number"])]
    for run in runs[:2]:
        deletion.delete_run(service.database, service.files, run)
    answer = finish(service, sweep, quality)
    by_number = {trial["number"]: trial for trial in answer["trials"]}
    assert by_number[0]["status"] == "complete" and by_number[0]["runs"][0]["run"] is None
    assert by_number[1]["status"] == "failed" and by_number[1]["runs"][0]["outcome"] == "deleted"
    assert answer["best"]["run"] == runs[2]


def test_a_run_that_its_user_pauses_is_waited_for(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01]})
    claim_and_advance(service.database, service.files)
    with service.database.write() as db:
        first = db.scalars(select(SweepRun.run).where(SweepRun.sweep == sweep, SweepRun.trial == 0)).one()
    service.client.post(f"/runs/{first}/pause")
    assert finish(service, sweep, quality)["status"] == "running"
    service.client.post(f"/runs/{first}/resume")
    assert finish(service, sweep, quality)["status"] == "succeeded"


def test_at_the_deadline_the_sweep_ends_with_what_it_has(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01, 0.02]}, deadline="2990-01-01T00:00:00Z")
    claim_and_advance(service.database, service.files)
    end_runs(service.database, sweep, quality, most=1)
    with service.database.write() as db:
        row = db.get_one(Sweep, sweep)
        row.request, row.due_at = row.request | {"deadline": "2020-01-01T00:00:00Z"}, 0.0
    answer = finish(service, sweep, quality)
    assert answer["status"] == "succeeded" and answer["best"]["trial"] == 0
    assert [trial["status"] for trial in answer["trials"]] == ["complete", "failed", "failed"]
    assert {trial["runs"][0]["outcome"] for trial in answer["trials"][1:]} == {"cancelled"}


@pytest.mark.long
def test_known_runs_guide_the_sampler(service: Service) -> None:
    first = post_sweep(service.client, random=TPE, trials=30)
    finish(service, first, quality)
    alone = finish(service, post_sweep(service.client, tpe=TPE, trials=2), quality)
    knowing = post_sweep(service.client, tpe=TPE, trials=2, known={"tag": f"antigrad.sweep:{first}"})
    answer = finish(service, knowing, quality)
    assert answer["known"] == 30 and proposals(answer) != proposals(alone)
    ids = [run["id"] for run in service.client.get("/runs", params={"sweep": first, "limit": 30}).json()["items"]]
    named = post_sweep(service.client, tpe=TPE, trials=2, known={"runs": ids})
    assert sorted(map(str, proposals(finish(service, named, quality)))) == sorted(map(str, proposals(answer)))


def test_a_key_with_a_limit_of_runs_has_no_more_at_once(service: Service) -> None:
    sweep = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01, 0.02]}, seeds=[0, 1])
    with service.database.write() as db:
        caller = {"key": None, "scopes": ["train"], "limits": {"runs": 3}}
        db.execute(update(Sweep).where(Sweep.id == sweep).values(caller=caller))
    for _ in range(3):
        assert claim_and_advance(service.database, service.files)
        with service.database.write() as db:
            queued = db.scalar(select(func.count()).select_from(Run).where(Run.status == RunStatus.QUEUED))
            assert queued == 2, "a trial takes two"
        assert not claim_and_advance(service.database, service.files), "it waits until a run has ended"
        end_runs(service.database, sweep, quality)
    assert claim_and_advance(service.database, service.files)
    assert service.client.get(f"/sweeps/{sweep}").json()["status"] == "succeeded"


def test_a_sweep_sleeps_while_its_runs_keep_the_workers_busy(service: Service) -> None:
    grid = post_sweep(service.client, grid={"optimizer.lr": [0.1, 0.01, 0.02]})
    claim_and_advance(service.database, service.files)
    for _ in range(2):
        end_runs(service.database, grid, quality, most=1)
        assert not claim_and_advance(service.database, service.files)
    assert service.client.get(f"/sweeps/{grid}").json()["progress"]["ended"] == 2  # readers see them all the same
    end_runs(service.database, grid, quality)
    assert claim_and_advance(service.database, service.files)
    values = [round(0.001 * number, 3) for number in range(1, BUSY + 3)]
    halving = post_sweep(service.client, grid={"optimizer.lr": values}, halving={})
    claim_and_advance(service.database, service.files)
    end_runs(service.database, halving, quality, most=1)
    assert not claim_and_advance(service.database, service.files)
    end_runs(service.database, halving, quality, most=1)
    assert claim_and_advance(service.database, service.files)


class Killed(BaseException):
    """The end of the process, as far as the database can tell."""


@contextmanager
def killed_at(database: Database, statement: int) -> Iterator[list[int]]:
    """Context in which the process ends before its change or commit with this number; counts these. A kill before a
    query is like one before the next change."""
    count = [0]

    def look(_: object, *call: Any) -> None:
        count[0] += not (call and call[1].startswith("SELECT"))
        if count[0] == statement:
            raise Killed

    event.listen(database.engine, "before_cursor_execute", look)
    event.listen(database.engine, "commit", look)
    try:
        yield count
    finally:
        event.remove(database.engine, "before_cursor_execute", look)
        event.remove(database.engine, "commit", look)


@pytest.mark.parametrize(
    "body",
    [
        {"grid": {"optimizer.lr": [0.1]}, "seeds": [0, 1]},
        pytest.param({"tpe": TPE, "trials": 3, "parallel": 1, "seeds": [0, 1]}, marks=pytest.mark.long),
        pytest.param({"grid": {"optimizer.lr": [0.1, 0.01, 0.02]}, "halving": {}}, marks=pytest.mark.long),
    ],
    ids=["one trial", "several", "halving"],
)
def test_a_kill_at_any_statement_loses_nothing_and_does_nothing_twice(service: Service, body: dict[str, Any]) -> None:
    undisturbed = finish(service, post_sweep(service.client, **body), quality)
    sweep, statement = post_sweep(service.client, **body), 0
    while service.client.get(f"/sweeps/{sweep}").json()["status"] == "running":
        statement += 1
        with killed_at(service.database, statement) as count:
            try:
                is_done = claim_and_advance(service.database, service.files)
            except Killed:
                is_done = False
        with service.database.write() as db:
            sweep_claims.release_worker(db, "worker")  # as its death is noticed
        if is_done and count[0] < statement:  # it came to its end: the next step
            statement = 0
            end_runs(service.database, sweep, quality)
    assert_nothing_twice(service, sweep, undisturbed)


def assert_nothing_twice(service: Service, sweep: str, undisturbed: dict[str, Any]) -> None:
    """The sweep has the trials of an undisturbed one, in their order, each with one run for each seed."""
    answer = service.client.get(f"/sweeps/{sweep}").json()
    seeds, trials = len(answer["request"]["seeds"]), len(undisturbed["trials"])
    assert answer["status"] == "succeeded" and proposals(answer) == proposals(undisturbed)
    ranked, expected = (
        [(trial["number"], trial["status"], trial["mean"]) for trial in of["trials"]] for of in (answer, undisturbed)
    )
    assert ranked == expected
    with service.database.read() as db:
        tagged = service.client.get("/runs", params={"sweep": sweep, "limit": 200}).json()["items"]
        bound = set(db.scalars(select(SweepRun.run).where(SweepRun.sweep == sweep)))
        begun = db.scalar(select(func.count()).select_from(SweepTrial).where(SweepTrial.sweep == sweep))
    assert {run["id"] for run in tagged} == bound and len(tagged) == seeds * trials
    assert begun == trials
    assert all(run["status"] in ENDED for run in tagged)


def begin_step(service: Service, seconds: float | None = None) -> bool:
    """Begin a step in a process, which is killed after so many seconds; False if it has ended before."""
    process = fork_server().start("tests.support.advance_once", str(service.settings.home), service.settings.database)
    if seconds is not None:
        with suppress(TimeoutError):
            process.wait(seconds)
        process.kill()
    is_killed = process.wait() == -signal.SIGKILL
    with service.database.write() as db:
        sweep_claims.release_worker(db, advance_once.WORKER)  # as its death is noticed
    return is_killed


@pytest.mark.long
def test_real_kills_between_ask_and_tell_lose_nothing(service: Service) -> None:
    """Before each step, processes that begin it are killed a random time after their start: a hundred kills in all."""
    trials = max(1, KILLS // KILLS_A_STEP)
    body: dict[str, Any] = {"tpe": TPE, "trials": trials, "parallel": 1}
    undisturbed = finish(service, post_sweep(service.client, **body), quality)
    sweep, chance = post_sweep(service.client, **body), random.Random(0)
    for step in range(trials + 1):
        killed, longest = 0, LONGEST_STEP
        while killed < KILLS_A_STEP:
            if begin_step(service, chance.uniform(0.0, longest)):
                killed += 1
            else:  # it was quicker, as all that follow in this step
                longest /= 2
        begin_step(service)
        assert end_runs(service.database, sweep, quality) == (step < trials)
    assert_nothing_twice(service, sweep, undisturbed)
