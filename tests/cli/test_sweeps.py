"""`antigrad sweep` and `sweeps`."""

import json
from pathlib import Path

import pytest

from app.cli.sweeps import _parameter
from tests.support.commands import antigrad

SMALL = ("--layers", "8", "--epochs", "1", "--batch-size", "64")


def test_a_sweep_is_trained_shown_extended_and_promoted(address: str, tmp_path: Path) -> None:
    done = antigrad(address, "sweep", "digits", *SMALL, "--grid", "optimizer.lr=0.1,0.01", "--name", "rates")
    assert done.returncode == 0, done.stderr
    head, table, *rows, best = done.stdout.splitlines()
    sweep = head.split()[0]
    assert head.split()[1] == "succeeded," and "2/2 trials" in head and "validation.accuracy" in table
    assert len(rows) == 2 and best.startswith("best run_") and "test accuracy" in best
    assert f"{sweep}" in antigrad(address, "sweeps").stdout and "rates" in antigrad(address, "sweeps").stdout
    extended = antigrad(address, "sweeps", "extend", sweep, "--grid", "optimizer.lr=0.02", "--json")
    assert json.loads(extended.stdout)["progress"]["trials"] == 3
    shown = json.loads(antigrad(address, "sweeps", "show", "last", "--wait", "--json").stdout)
    assert shown["status"] == "succeeded" and len(shown["trials"]) == 3
    promoted = json.loads(antigrad(address, "sweeps", "promote", sweep, "swept", "--json").stdout)
    assert promoted["run"] == shown["best"]["run"]
    few = antigrad(address, "sweeps", "importance", sweep)
    assert few.returncode == 2 and "importance takes 8" in few.stderr
    assert antigrad(address, "sweeps", "delete", sweep).stdout.strip() == f"{sweep} deleted"


def test_a_file_has_the_whole_request_and_a_sweep_is_cancelled(address: str, tmp_path: Path) -> None:
    request = {"base": {"dataset": "digits"}, "random": {"optimizer.lr": {"low": 0.001, "high": 0.1}}, "trials": 5}
    (tmp_path / "sweep.json").write_text(json.dumps(request))
    made = antigrad(address, "sweep", str(tmp_path / "sweep.json"), "--no-wait", "--json")
    sweep = json.loads(made.stdout)
    assert sweep["request"]["trials"] == 5
    cancelled = json.loads(antigrad(address, "sweeps", "cancel", sweep["id"], "--json").stdout)
    assert cancelled["status"] == "cancelled"


@pytest.mark.parametrize(
    ("word", "parameter"),
    [
        ("optimizer.lr=0.1,0.01", ("optimizer.lr", [0.1, 0.01])),
        ("optimizer.name=sgd", ("optimizer.name", ["sgd"])),
        ("batch_size=16..64", ("batch_size", {"low": 16, "high": 64, "log": False, "integer": True})),
        ("optimizer.lr=1e-4..0.1:log", ("optimizer.lr", {"low": 0.0001, "high": 0.1, "log": True, "integer": False})),
    ],
)
def test_words_are_parameters(word: str, parameter: object) -> None:
    assert _parameter(word) == parameter


@pytest.mark.parametrize("word", ["optimizer.lr", "optimizer.lr=", "optimizer.lr=a..b", "optimizer.lr=1..2:exp"])
def test_words_that_are_none_are_refused(address: str, word: str) -> None:
    done = antigrad(address, "sweep", "digits", "--grid", word)
    assert done.returncode == 2 and "write for example" in done.stderr


def test_a_file_that_is_no_request_is_refused(address: str, tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "torn.json").write_text("{")
    for name, reason in (("none", "cannot be read"), ("list", "no JSON object"), ("torn", "is not JSON")):
        done = antigrad(address, "sweep", str(tmp_path / f"{name}.json"))
        assert done.returncode == 2 and reason in done.stderr
    assert "say what to change" in antigrad(address, "sweeps", "extend", "swp_x").stderr
