"""`antigrad pause`, `resume` and `delete`, and what a script asks of a run with `--require`."""

import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cli.requirement import COMPARISONS, Requirement
from tests.support.commands import CLI, antigrad, serving
from tests.support.fork_server import fork_server


def queued(address: str, *options: str) -> str:
    done = antigrad(address, "train", "digits", "--no-wait", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_all_runs_that_match_are_cancelled(address: str) -> None:
    runs = [queued(address, "--tag", "batch:gone", "--epochs", "1000000") for _ in range(2)]
    assert antigrad(address, "cancel", "--tag", "batch:gone").stdout == "2 runs cancelled\n"
    for run in runs:
        assert httpx.get(f"http://{address}/runs/{run}", params={"wait": 30}).json()["status"] == "cancelled"
    for words in ([], [runs[0], "--tag", "batch:gone"]):
        refused = antigrad(address, "cancel", *words)
        assert refused.returncode == 2 and "give a filter" in refused.stderr


def test_a_list_goes_on_after_its_first_page(address: str) -> None:
    runs = {queued(address, "--tag", "page:yes", "--epochs", "1") for _ in range(2)}
    first = antigrad(address, "runs", "--tag", "page:yes", "--limit", "1")
    more = first.stderr.strip().removeprefix("for more: --cursor ")
    second = antigrad(address, "runs", "--tag", "page:yes", "--limit", "1", "--cursor", more)
    assert second.stderr == ""
    assert {run for run in runs for done in (first, second) if run in done.stdout} == runs
    assert antigrad(address, "runs", "--owner", "nobody").stdout.splitlines()[1:] == []


def test_a_run_is_paused_resumed_and_deleted(address: str) -> None:
    run = queued(address, "--epochs", "1000000")
    paused = antigrad(address, "pause", run)
    assert (paused.returncode, paused.stdout) == (0, f"{run} paused\n"), paused.stderr
    resumed = antigrad(address, "resume", run, "--set", "stop.max_epochs=900000", "--no-wait", "--json")
    assert json.loads(resumed.stdout)["request"]["stop"]["max_epochs"] == 900000, resumed.stderr
    running = antigrad(address, "delete", run)
    assert running.returncode == 2 and running.stdout == ""
    assert antigrad(address, "cancel", run).returncode == 0
    deleted = antigrad(address, "delete", run, "--json")
    assert json.loads(deleted.stdout) == {"deleted": [run]}, deleted.stderr
    assert httpx.get(f"http://{address}/runs/{run}").status_code == 404


def test_an_ended_run_is_trained_further(address: str) -> None:
    run = json.loads(antigrad(address, "train", "digits", "--epochs", "1", "--json").stdout)["id"]
    further = antigrad(address, "resume", run, "--set", "stop.max_epochs=2", "--json")
    assert further.returncode == 0 and json.loads(further.stdout)["progress"]["epoch"] == 2, further.stderr


def test_a_field_of_what_has_no_name_is_set(address: str) -> None:
    changes = ["optimizer.lr=0.01", "schedule.warmup=5", "loss.label_smoothing=0.1"]
    options = [word for change in changes for word in ("--set", change)]
    done = antigrad(address, "train", "digits", "--epochs", "1", "--no-wait", "--json", *options)
    request = json.loads(done.stdout)["request"]
    assert (request["optimizer"]["name"], request["optimizer"]["lr"]) == ("adam", 0.01)
    assert (request["schedule"]["name"], request["schedule"]["warmup"]) == ("constant", 5)
    assert (request["loss"]["name"], request["loss"]["label_smoothing"]) == ("cross_entropy", 0.1)


def test_runs_are_tagged_and_listed_by_their_tags(address: str) -> None:
    run = queued(address, "--tag", "course:ml", "--tag", "student:s:1", "--epochs", "1")
    other = queued(address, "--tag", "course:ml", "--epochs", "1")
    by_both = antigrad(address, "runs", "--tag", "course:ml", "--tag", "student:s:1", "--json")
    assert [item["id"] for item in json.loads(by_both.stdout)["items"]] == [run]
    by_course = antigrad(address, "runs", "--tag", "course:ml", "--dataset", "digits")
    assert run in by_course.stdout and other in by_course.stdout
    wrong = antigrad(address, "train", "digits", "--tag", "course")
    assert wrong.returncode == 2 and "--tag course:ml" in wrong.stderr
    unknown = antigrad(address, "runs", "--tag", "course")
    assert unknown.returncode == 2 and "key:value" in unknown.stderr


@pytest.mark.parametrize(
    ("requirements", "status", "said"),
    [
        (["test.accuracy>=0.1", "test.loss<100"], 0, ""),
        (["test.accuracy>=0.1", "test.accuracy>1"], 6, "test.accuracy>1.0 is not met: it is 0."),
        (["test.acc>0"], 6, "the run has no test.acc; it has test.loss, test.accuracy"),
        (["accuracy>0.5"], 2, "--require 'test.accuracy>=0.9'"),
        (["test.accuracy=0.5"], 2, "--require 'test.accuracy>=0.9'"),
    ],
)
def test_a_script_learns_from_the_status_if_a_run_is_good_enough(
    address: str, requirements: list[str], status: int, said: str
) -> None:
    options = [word for text in requirements for word in ("--require", text)]
    done = antigrad(address, "train", "digits", "--epochs", "2", "--json", *options)
    assert done.returncode == status and said in done.stderr
    assert (json.loads(done.stdout)["status"] == "succeeded") if status != 2 else done.stdout == ""


def test_a_run_that_failed_is_told_from_one_that_is_not_good_enough(address: str) -> None:
    options = ["--optimizer", "sgd", "--lr", "1e9", "--require", "test.accuracy>0.5"]
    assert antigrad(address, "train", "digits", *options).returncode == 1
    refused = antigrad(address, "train", "digits", "--no-wait", "--require", "test.accuracy>0.5")
    assert refused.returncode == 2 and "--no-wait" in refused.stderr


@settings(max_examples=30)
@given(
    value=st.floats(-1e3, 1e3) | st.sampled_from(["NaN", "Infinity"]),
    bound=st.floats(-1e3, 1e3),
    sign=st.sampled_from(sorted(COMPARISONS)),
)
def test_a_requirement_is_met_as_its_comparison_says_and_never_by_nan(value: Any, bound: float, sign: str) -> None:
    requirement = Requirement.of(f" test.loss {sign} {bound!r} ")
    met = requirement.unmet({"test": {"loss": value}}) is None
    assert met == (not isinstance(value, str) and COMPARISONS[sign](value, bound))


def test_a_service_without_a_worker_is_said_to_be_without_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("home"), "--workers", "0") as idle:
        for command in (["train", "digits", "--no-wait"], ["train", "digits", "--no-wait", "--json"]):
            done = antigrad(idle, *command)
            assert done.returncode == 0 and "no worker is alive" in done.stderr
            assert "antigrad worker" in done.stderr and "worker" not in done.stdout.partition("{")[0]
        run = antigrad(idle, "runs", "--json")
        assert len(json.loads(run.stdout)["items"]) == 2


def test_who_waits_for_a_run_is_told_that_nobody_trains_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("home"), "--workers", "0") as idle:
        run = queued(idle)
        watching = fork_server().start(CLI, "watch", run, pipes=["stderr"], ANTIGRAD_URL=f"http://{idle}")
        assert watching.stderr is not None
        deadline = time.monotonic() + 60
        while "no worker is alive" not in (line := watching.stderr.readline()):
            assert time.monotonic() < deadline, line
        antigrad(idle, "cancel", run)
        watching.communicate(timeout=60)
        assert watching.returncode == 4
