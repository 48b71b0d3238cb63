"""`antigrad runs` finds and writes runs; `rename`, `tag` and `delete` with a filter change them."""

import csv
import json
from pathlib import Path

import httpx

from tests.support.commands import antigrad


def test_runs_are_named_tagged_found_and_deleted_together(address: str, tmp_path: Path) -> None:
    mine = ["--tag", "keeping:house"]
    runs = [
        antigrad(address, "train", "digits", "--epochs", epochs, "--json", *mine, "--name", name).stdout
        for name, epochs in (("first", "1"), ("second", "2"))
    ]
    first, second = (json.loads(run)["id"] for run in runs)
    assert antigrad(address, "rename", second, "Wider").stdout == f"{second} Wider\n"
    assert antigrad(address, "tag", second, "week:3").stdout == "  keeping:house  week:3\n"
    assert antigrad(address, "tag", second, "--remove", "week").stdout == "  keeping:house\n"
    found = antigrad(address, "runs", *mine, "--name", "wide", "--json")
    assert [run["id"] for run in json.loads(found.stdout)["items"]] == [second]
    found = antigrad(address, "runs", "--search", "tag:keeping:house /^W/ epoch<3", "--json")
    assert [run["id"] for run in json.loads(found.stdout)["items"]] == [second]
    assert antigrad(address, "tag", "week:4", *mine, "--search", "/^W/").stdout == "1 runs tagged\n"
    assert antigrad(address, "tag", *mine, "--remove", "week").stdout == "2 runs tagged\n"
    for words in ([], ["week:4"], [first, second, "week:4"], [first, "week:4", *mine]):
        refused = antigrad(address, "tag", *words)
        assert refused.returncode == 2 and "name one run, or give a filter" in refused.stderr
    largest = antigrad(address, "runs", *mine, "--sort", "-bytes", COLUMNS="200").stdout.splitlines()
    assert "size" in largest[0] and " MB " in largest[1] and second in largest[1] and first in largest[2]

    table = antigrad(address, "runs", *mine, "--sort", "name", "--out", str(tmp_path / "runs.csv"))
    assert table.returncode == 0, table.stderr
    lines = csv.DictReader((tmp_path / "runs.csv").read_text().splitlines())
    assert [line["name"] for line in lines] == ["Wider", "first"]
    antigrad(address, "runs", *mine, "--out", str(tmp_path / "runs.png"))
    assert (tmp_path / "runs.png").read_bytes().startswith(b"\x89PNG")
    assert antigrad(address, "runs", "--out", str(tmp_path / "runs.txt")).returncode == 2

    preview = antigrad(address, "delete", *mine, "--preview")
    assert preview.stdout.startswith(f"{second}\n{first}\n2 runs would be deleted, ")
    assert httpx.get(f"http://{address}/runs/{first}").status_code == 200
    assert json.loads(antigrad(address, "delete", *mine, "--json").stdout)["deleted"] == 2
    assert httpx.get(f"http://{address}/runs/{first}").status_code == 404


def test_a_deletion_names_runs_or_gives_a_filter_and_not_both() -> None:
    for arguments in ([], ["run_1", "--older", "30d"], ["run_1", "--preview"]):
        refused = antigrad("127.0.0.1:1", "delete", *arguments)
        assert refused.returncode == 2 and "--older 30d" in refused.stderr
