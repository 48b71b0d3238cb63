"""`antigrad batches`: predictions in the background, of a dataset or a file."""

import csv
import json
from pathlib import Path

import numpy as np

from tests.support.archives import npy
from tests.support.commands import antigrad


def test_a_dataset_is_predicted_and_the_batch_is_listed_saved_and_deleted(
    address: str, trained: str, tmp_path: Path
) -> None:
    out = tmp_path / "result.csv"
    done = antigrad(address, "batches", "add", trained, "digits", "--out", str(out))
    assert done.returncode == 0, done.stderr
    batch = done.stdout.split()[0]
    assert done.stdout == f"{batch} succeeded, 1,797/1,797 predicted: {out}\n"
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 1797 and {"input", "target", "label"} <= rows[0].keys()
    listed = json.loads(antigrad(address, "batches", "list", "--json").stdout)["items"]
    assert batch in [item["id"] for item in listed]
    narrow = antigrad(address, "batches", "list", COLUMNS="40").stdout.splitlines()
    assert batch in narrow and [line for line in narrow if len(line) > 40] == []
    assert antigrad(address, "batches", "show", batch).stdout == f"{batch} succeeded, 1,797/1,797 predicted\n"
    again = antigrad(address, "batches", "result", batch, "--out", str(tmp_path / "again.csv"), "--json")
    assert json.loads(again.stdout) == {"file": str(tmp_path / "again.csv")}
    assert (tmp_path / "again.csv").read_text() == out.read_text()
    assert antigrad(address, "batches", "delete", batch).stdout == f"{batch} deleted\n"
    gone = antigrad(address, "batches", "show", batch)
    assert gone.returncode == 2 and "antigrad batches list lists them" in gone.stderr


def test_a_file_is_predicted_and_what_cannot_be_says_why(address: str, trained: str, tmp_path: Path) -> None:
    file = tmp_path / "digits.npy"
    file.write_bytes(npy(np.zeros((5, 28, 28), np.uint8)))
    sent = antigrad(address, "batches", "add", trained, str(file), "--json")
    assert sent.returncode == 0 and json.loads(sent.stdout)["progress"]["done"] == 5, sent.stderr
    file.write_bytes(npy(np.zeros((5, 3), np.uint8)))
    failed = antigrad(address, "batches", "add", trained, str(file))
    assert failed.returncode == 1 and "failed" in failed.stdout and "5, 3" in failed.stdout
    file.write_bytes(b"")
    empty = antigrad(address, "batches", "add", trained, str(file))
    assert empty.returncode == 2 and "the body is empty" in empty.stderr
    other = antigrad(address, "batches", "add", trained, "diabetes")
    assert other.returncode == 2 and "choose a dataset like the run's own" in other.stderr
