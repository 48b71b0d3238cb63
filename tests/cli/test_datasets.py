"""`antigrad datasets` against a real service: files become a dataset, or the command prints the reason."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from app.cli.datasets import _packed
from tests.support.archives import letters, png
from tests.support.commands import antigrad
from tests.support.numbered import idx


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def test_a_folder_is_packed_without_what_systems_leave_and_without_links(tmp_path: Path) -> None:
    folder = written(tmp_path, {"A/1.png": png(), "A/.DS_Store": b"x", "B/1.png": png(), "__MACOSX/A/._1.png": b"x"})
    (folder / "link").symlink_to("/etc/passwd")
    (folder / "B/2.png").hardlink_to(folder / "B/1.png")
    with tarfile.open(fileobj=io.BytesIO(b"".join(_packed(folder, lambda _: None)))) as archive:
        assert archive.getnames() == ["A/1.png", "B/1.png", "B/2.png"]
        assert all(member.size == len(png()) for member in archive)


def test_a_folder_is_sent_while_it_is_read(tmp_path: Path) -> None:
    folder = written(tmp_path, {f"A/{number}.png": bytes(2**20) for number in range(9)})
    pieces = _packed(folder, lambda _: None)
    assert len(next(pieces)) < 2 * 2**21
    (folder / "A/8.png").unlink()
    with pytest.raises(FileNotFoundError):  # the file had not been read yet
        list(pieces)


def test_links_are_named_as_left_out(address: str, tmp_path: Path) -> None:
    files = written(tmp_path / "files", letters("AB", 3, around=""))
    (folder := tmp_path / "set").mkdir()
    (folder / "A").symlink_to(files / "A")
    done = antigrad(address, "datasets", "add", "linked", str(folder))
    said = " ".join(done.stderr.split())  # it is wrapped to the terminal's width
    assert done.returncode == 1 and "left out: 1 links" in said and "cp -rL" in said, done.stderr


def test_a_folder_becomes_a_dataset_and_what_was_skipped_is_shown(address: str, tmp_path: Path) -> None:
    files = letters("ABC", 5, around="") | {"A/broken.png": b""}
    done = antigrad(address, "datasets", "add", "alphabet", str(written(tmp_path / "set", files)))
    assert done.returncode == 0, done.stderr
    assert "alphabet version 1: 15 examples, 3 classes" in done.stdout and "skipped A/broken.png" in done.stdout
    again = antigrad(address, "datasets", "add", "alphabet", str(tmp_path / "set"), "--json")
    assert json.loads(again.stdout)["version"] == 2
    listed = antigrad(address, "datasets", "list")
    assert "alphabet" in listed.stdout and "fashion-mnist" in listed.stdout


def test_runs_are_listed_with_the_name_of_their_dataset(address: str, tmp_path: Path) -> None:
    folder = str(written(tmp_path / "set", letters("AB", 30, around="")))
    made = json.loads(antigrad(address, "datasets", "add", "two-letters", folder, "--json").stdout)
    run = antigrad(address, "train", "two-letters", "--epochs", "1", "--no-wait").stdout.strip()
    (row,) = [line for line in antigrad(address, "runs", COLUMNS="200").stdout.splitlines() if run in line]
    assert "two-letters" in row and made["id"] not in row


def test_a_table_needs_its_target(address: str, tmp_path: Path) -> None:
    table = tmp_path / "houses.csv"
    table.write_text("rooms,kind,price\n3,flat,100\n4,house,200\n5,flat,150\n")
    without = antigrad(address, "datasets", "add", "houses", str(table))
    assert without.returncode == 1 and "with --target" in without.stderr
    done = antigrad(address, "datasets", "add", "houses", str(table), "--target", "price", "--type", "kind:ignore")
    assert done.returncode == 0 and "3 examples" in done.stdout, done.stderr
    wrong = antigrad(address, "datasets", "add", "houses", str(table), "--type", "kind:text")
    assert wrong.returncode == 2 and "number, category, date, ignore" in wrong.stderr


def test_idx_files_are_known_by_their_names(address: str, tmp_path: Path) -> None:
    pictures, labels = np.zeros((20, 28, 28), np.uint8), np.arange(20, dtype=np.uint8) % 10
    names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    written(tmp_path, {name: gzip.compress(idx(pictures if "images" in name else labels)) for name in names})
    paths = [str(tmp_path / name) for name in names]
    found = json.loads(antigrad(address, "datasets", "add", "clothes", *paths, "--json").stdout)
    assert found["own_split"] == ["train", "test"] and found["examples"] == 40
    other = antigrad(address, "datasets", "add", "fashion-mnist", *paths)
    assert other.returncode == 2 and "but the catalogue has" in other.stderr  # it would be taken for that one


def test_a_name_that_is_nothing_says_what_there_is(address: str) -> None:
    done = antigrad(address, "datasets", "add", "nothing")
    assert done.returncode == 2 and "FOLDER" in done.stderr and "mnist" in done.stderr
