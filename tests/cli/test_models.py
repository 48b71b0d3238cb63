"""`antigrad promote`, `rollback` and `models`: names for trained runs."""

import json

from tests.support.commands import antigrad


def test_a_name_points_at_a_run_is_listed_and_goes(address: str, trained: str) -> None:
    promoted = antigrad(address, "promote", trained, "digits-best")
    assert (promoted.returncode, promoted.stdout) == (0, f"digits-best version 1: {trained}\n"), promoted.stderr
    again = json.loads(antigrad(address, "promote", trained, "digits-best", "--json").stdout)
    assert again["run"] == trained
    for command in (["models"], ["models", "list"], ["models", "show", "digits-best"]):
        listed = antigrad(address, *command)
        assert listed.returncode == 0 and trained in listed.stdout
    items = json.loads(antigrad(address, "models", "list", "--json").stdout)["items"]
    assert {item["name"]: item["run"] for item in items}["digits-best"] == trained
    history = json.loads(antigrad(address, "models", "history", "digits-best", "--json").stdout)
    assert [(item["version"], item["run"]) for item in history] == [(1, trained)]
    alone = antigrad(address, "models", "rollback", "digits-best")
    assert alone.returncode == 2 and "only one version" in alone.stderr
    deleted = antigrad(address, "models", "delete", "digits-best")
    assert (deleted.returncode, deleted.stdout) == (0, "digits-best deleted\n")
    gone = antigrad(address, "models", "show", "digits-best")
    assert gone.returncode == 2 and "no model is called 'digits-best'" in gone.stderr


def test_a_run_that_diverged_is_not_promoted(address: str) -> None:
    diverged = antigrad(address, "train", "digits", "--optimizer", "sgd", "--lr", "1e9", "--json")
    refused = antigrad(address, "promote", json.loads(diverged.stdout)["id"], "digits-worst")
    assert refused.returncode == 2 and "Traceback" not in refused.stderr


def test_a_name_is_rolled_back_and_its_shares_are_shown(address: str, trained: str) -> None:
    other = json.loads(antigrad(address, "train", "digits", "--epochs", "1", "--json").stdout)["id"]
    for run in (trained, other):
        assert antigrad(address, "promote", run, "digits-both").returncode == 0
    back = antigrad(address, "rollback", "digits-both")
    assert (back.returncode, back.stdout) == (0, f"digits-both version 3: {trained}\n"), back.stderr
    assert antigrad(address, "models", "rollback", "digits-both", "--version", "2").stdout.endswith(f"4: {other}\n")
    options = ("--split", f"{other}=0.1", "--shadow", f"{other}=0.5", "--log", "0.25")
    divided = antigrad(address, "promote", trained, "digits-both", *options)
    said = f"digits-both version 5: 0.9 {trained}, 0.1 {other}, shadow 0.5 {other}, log 0.25\n"
    assert (divided.returncode, divided.stdout) == (0, said), divided.stderr
    assert antigrad(address, "models", "show", "digits-both").stdout == said
    for wrong in (
        ("--split", "x"),
        ("--split", f"{other}=1"),
        ("--split", f"{trained}=0.1"),
        ("--shadow", f"{other}=much"),
    ):
        refused = antigrad(address, "promote", trained, "digits-both", *wrong)
        assert refused.returncode == 2 and "Traceback" not in refused.stderr and refused.stdout == ""
    listed = json.loads(antigrad(address, "models", "history", "digits-both", "--json").stdout)
    assert [version["version"] for version in listed] == [5, 4, 3, 2, 1]
    assert trained in antigrad(address, "models", "history", "digits-both").stdout
