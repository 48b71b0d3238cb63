"""`antigrad diagnose`, `curve`, `evaluate` and `script`: what a run has shown."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.cli.results import confused, sparkline
from tests.support.commands import antigrad


def test_a_diagnosis_is_printed_with_what_to_try(address: str) -> None:
    options = ["--optimizer", "sgd", "--lr", "1e9", "--json"]
    run = json.loads(antigrad(address, "train", "digits", *options).stdout)["id"]
    done = antigrad(address, "diagnose", run)
    assert done.returncode == 0 and done.stdout.startswith("error: with the learning rate 1e+09")
    assert "to try: --set optimizer.lr=" in done.stdout
    found = json.loads(antigrad(address, "diagnose", run, "--json").stdout)
    assert found == httpx.get(f"http://{address}/runs/{run}/diagnosis").json()


def test_a_curve_is_shown_or_saved(address: str, trained: str, tmp_path: Path) -> None:
    shown = antigrad(address, "curve", trained, "--series", "train.loss,validation.accuracy")
    assert shown.returncode == 0 and "train.loss" in shown.stdout and "→" in shown.stdout
    assert "validation.loss" not in shown.stdout
    assert json.loads(antigrad(address, "curve", trained, "--json").stdout)["run"] == trained
    for ending, beginning in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".csv", b"series,step,value")):
        file = tmp_path / f"curve{ending}"
        done = antigrad(address, "curve", trained, "--out", str(file))
        assert done.returncode == 0 and file.read_bytes().startswith(beginning), done.stderr
    refused = antigrad(address, "curve", trained, "--out", str(tmp_path / "curve.gif"))
    assert refused.returncode == 2 and ".png, .svg, .csv" in refused.stderr
    unknown = antigrad(address, "curve", trained, "--series", "train.lost")
    assert unknown.returncode == 2 and "did you mean 'train.loss'" in unknown.stderr


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(address: str, trained: str, tmp_path: Path) -> None:
    for file in (tmp_path / "no folder" / "a.png", Path("/proc/a.png")):
        done = antigrad(address, "curve", trained, "--out", str(file))
        assert done.returncode == 2 and "cannot be written" in done.stderr and "Traceback" not in done.stderr
    missing = antigrad(address, "curve", "run_1", "--out", str(tmp_path / "a.png"))
    assert missing.returncode == 2 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([1.0], "▁"), ([0.0, 7.0], "▁█"), ([1, "NaN", 0], "█·▁"), (["Infinity", "NaN"], "··")],
)
def test_a_line_of_bars_has_one_for_each_value(values: list[float | str], line: str) -> None:
    assert sparkline(values) == line


def test_an_evaluation_lists_the_classes_and_the_most_frequent_mistakes(address: str, trained: str) -> None:
    shown = antigrad(address, "evaluate", trained)
    whole = json.loads(antigrad(address, "evaluate", trained, "--json").stdout)
    assert shown.returncode == 0 and f"accuracy {whole['accuracy']:.4g}" in shown.stdout
    assert f"test part, {whole['examples']:,} examples" in shown.stdout
    pairs = confused(whole["classes"], whole["confusion_matrix"])
    assert pairs == sorted(pairs, key=lambda pair: -pair[0]) and sum(count for count, _, _ in pairs) == round(
        whole["examples"] * (1 - whole["accuracy"])
    )
    assert all(f"{label} taken for {other}: {count}" in shown.stdout for count, label, other in pairs[:1])
    part = antigrad(address, "evaluate", trained, "--part", "train", "--json")
    assert json.loads(part.stdout)["part"] == "train"


def test_an_evaluation_of_values_has_their_metrics(address: str) -> None:
    run = json.loads(antigrad(address, "train", "diabetes", "--epochs", "1", "--json").stdout)["id"]
    shown = antigrad(address, "evaluate", run)
    assert shown.returncode == 0 and "mse" in shown.stdout and "r2" in shown.stdout


def test_a_script_is_saved_with_its_data_and_runs(address: str, tmp_path: Path) -> None:
    run = json.loads(antigrad(address, "train", "digits", "--set", "stop.max_steps=2", "--json").stdout)["id"]
    done = antigrad(address, "script", run, "--out", str(tmp_path / "train.py"), "--with-data", "--json")
    written = json.loads(done.stdout)
    assert written["file"] == str(tmp_path / "train.py") and written["data"] == str(tmp_path / "digits.npz")
    assert written["script"] == (tmp_path / "train.py").read_text()
    assert f"antigrad script {run} --with-data" in written["script"]
    command = [sys.executable, "-c", "import numpy as np; print(*np.load('digits.npz')['inputs'].shape)"]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert loaded.stdout == "1797 1 28 28\n"
    beside = antigrad(address, "script", run, "--with-data", folder=tmp_path)
    assert beside.stdout == written["script"] and "digits.npz" in beside.stderr


def test_the_points_of_a_saved_curve_are_those_of_the_run(address: str, trained: str, tmp_path: Path) -> None:
    antigrad(address, "curve", trained, "--series", "validation.loss", "--out", str(tmp_path / "a.csv"))
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [row["series"] for row in rows] == ["validation.loss"] * 5


def test_a_network_is_saved_as_onnx_and_its_card_printed_or_saved(address: str, trained: str, tmp_path: Path) -> None:
    file = tmp_path / "digits.onnx"
    saved = antigrad(address, "onnx", trained, "--out", str(file))
    assert (saved.returncode, saved.stdout) == (0, f"{file}\n"), saved.stderr
    assert file.read_bytes() == httpx.get(f"http://{address}/runs/{trained}/onnx").content
    named = antigrad(address, "onnx", trained, "--pixels", "float32", folder=tmp_path)
    assert named.returncode == 0 and (tmp_path / f"{trained}.onnx").read_bytes() != file.read_bytes()
    refused = antigrad(address, "onnx", trained, "--pixels", "int8", folder=tmp_path)
    assert refused.returncode == 2 and "uint8" in refused.stderr

    page = httpx.get(f"http://{address}/runs/{trained}/card").text
    assert antigrad(address, "card", trained).stdout.rstrip("\n") == page.rstrip("\n")
    assert antigrad(address, "card", trained, "--out", str(tmp_path / "README.md")).returncode == 0
    assert (tmp_path / "README.md").read_text() == page
    assert json.loads(antigrad(address, "card", trained, "--json").stdout)["run"] == trained


def test_mistakes_are_listed_and_filters_drawn(address: str, trained: str, tmp_path: Path) -> None:
    mistakes = json.loads(antigrad(address, "examples", trained, "--mistakes", "--json").stdout)
    assert mistakes["items"] and all(item["label"] != item["predicted"] for item in mistakes["items"])
    done = antigrad(address, "examples", trained, "--mistakes", COLUMNS="40")
    assert done.stdout.startswith(f"{mistakes['count']} examples of the test part\n"), done.stderr
    drawn = antigrad(address, "filters", trained, "--out", str(tmp_path / "filters.png"))
    assert drawn.returncode == 0 and (tmp_path / "filters.png").read_bytes().startswith(b"\x89PNG"), drawn.stderr
