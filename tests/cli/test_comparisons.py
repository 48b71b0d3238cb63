"""`antigrad race`, `compare`, `groups`, `experiments` and `trace`."""

import json
from pathlib import Path

import pytest

from tests.support.commands import antigrad


def test_a_race_trains_one_network_with_each_optimizer(address: str, tmp_path: Path) -> None:
    picture = tmp_path / "race.png"
    options = ["--layers", "8", "relu", "--epochs", "1", "--tag", "course:race", "--out", str(picture)]
    done = antigrad(address, "race", "digits", "sgd:0.05", "adam", *options, COLUMNS="200")
    assert done.returncode == 0, done.stderr
    header, sgd, adam, race = done.stdout.splitlines()
    assert header.split() == ["optimizer", "lr", "status", "test", "run"]
    assert sgd.split()[:3] == ["sgd", "0.05", "succeeded"] and adam.split()[:3] == ["adam", "0.001", "succeeded"]
    assert race.startswith("race_") and picture.read_bytes().startswith(b"\x89PNG")
    tagged = json.loads(antigrad(address, "runs", "--tag", "course:race", "--json").stdout)["items"]
    assert len(tagged) == 2 and tagged[0]["request"]["model"] == tagged[1]["request"]["model"]
    runs = [sgd.split()[-1], adam.split()[-1]]
    compared = antigrad(address, "compare", *runs, COLUMNS="300").stdout.splitlines()
    assert compared[0].split()[:4] == ["run", "name", "optimizer.lr", "optimizer.name"]
    assert compared[1].split()[:4] == [runs[0], "sgd", "0.05", "sgd"] and "(" not in compared[1]
    assert compared[2].split()[:4] == [runs[1], "adam", "0.001", "adam"] and "(" in compared[2]
    grouped = antigrad(address, "groups", "optimizer", "--tag", "course:race", COLUMNS="200").stdout.splitlines()
    assert grouped[0].split() == ["optimizer", "runs", "mean", "spread", "best"]
    assert sorted(line.split()[:2] for line in grouped[1:]) == [["adam", "1"], ["sgd", "1"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sgd:fast", "adam"], "sgd:0.1"),
        (["adam"], "at least 2"),
        (["sgd", "adamx"], "did you mean 'adam'"),
        (["sgd", "adam", "--out", "race.gif"], ".png or .svg"),
        (["sgd", "adam", "--out", "race.png", "--no-wait"], "--no-wait"),
    ],
)
def test_a_race_that_cannot_be_says_why(address: str, words: list[str], said: str) -> None:
    refused = antigrad(address, "race", "digits", *words)
    assert refused.returncode == 2 and said in refused.stderr and refused.stdout == ""


def test_a_race_in_which_a_run_fails_has_the_status_of_a_failure(address: str) -> None:
    done = antigrad(address, "race", "digits", "sgd:1e9", "adam", "--epochs", "1", "--json")
    assert done.returncode == 1
    assert [run["status"] for run in json.loads(done.stdout)["runs"]] == ["failed", "succeeded"]


def test_experiments_are_listed_explained_and_performed(address: str) -> None:
    listed = antigrad(address, "experiments")
    assert listed.returncode == 0 and "linear_collapse" in listed.stdout
    shown = antigrad(address, "experiments", "show", "linear_collapse")
    assert "The claim: " in shown.stdout and "five linear" in shown.stdout
    entries = json.loads(antigrad(address, "experiments", "list", "--json").stdout)["items"]
    calculated = next(entry["name"] for entry in entries if not entry["trials"])
    done = antigrad(address, "experiments", "run", calculated, "--seed", "3")
    assert done.returncode == 0 and "What was seen: " in done.stdout, done.stderr
    queued = antigrad(address, "experiments", "run", "linear_collapse", "--seed", "3", "--no-wait", "--json")
    assert json.loads(queued.stdout)["status"] == "running"
    unknown = antigrad(address, "experiments", "run", "linear_colapse")
    assert unknown.returncode == 2 and "did you mean 'linear_collapse'" in unknown.stderr
    assert "antigrad experiments lists them" in unknown.stderr


def test_a_network_is_traced(address: str) -> None:
    done = antigrad(address, "trace", "digits", "--layers", "8", "relu", "--by-hand", "--batch-size", "4")
    assert done.returncode == 0, done.stderr
    assert "relu" in done.stdout and "blind guess" in done.stdout and "backward: ∂L/∂W" in done.stdout
    whole = antigrad(address, "trace", "digits", "--preset", "linear", "--json")
    assert json.loads(whole.stdout)["layers"][-1]["type"] == "linear"
