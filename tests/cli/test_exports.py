"""`antigrad export`: runs as files for other programs."""

import json
from pathlib import Path

from tests.support.commands import antigrad
from tests.support.exports import parquet_rows, tensorboard_points


def test_runs_and_points_are_saved_as_the_ending_says(address: str, trained: str, tmp_path: Path) -> None:
    chosen = ("--search", f"id:{trained}", "--out")
    for out, further in (("runs.parquet", []), ("points.parquet", ["--curves"]), ("curves.zip", [])):
        done = antigrad(address, "export", *chosen, str(tmp_path / out), *further, "--json")
        assert done.returncode == 0 and json.loads(done.stdout) == {"file": str(tmp_path / out)}, done.stderr
    [run] = parquet_rows((tmp_path / "runs.parquet").read_bytes())
    points = parquet_rows((tmp_path / "points.parquet").read_bytes())
    [drawn] = tensorboard_points((tmp_path / "curves.zip").read_bytes(), tmp_path / "log").values()
    losses = [point["value"] for point in points if point["series"] == "train.loss"]
    assert run["run"] == trained and len(losses) == run["steps"] and drawn["train/loss"][1] == losses


def test_another_ending_is_refused(address: str, tmp_path: Path) -> None:
    done = antigrad(address, "export", "--out", str(tmp_path / "runs.xlsx"))
    assert done.returncode == 2 and ".parquet or .zip" in done.stderr
