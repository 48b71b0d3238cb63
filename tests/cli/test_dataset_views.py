"""`antigrad datasets show`, `preview`, `export`, `cancel` and `delete`."""

import json
from pathlib import Path

from tests.support.commands import antigrad


def test_a_dataset_is_shown_drawn_and_exported(address: str, tmp_path: Path) -> None:
    shown = antigrad(address, "datasets", "show", "digits")
    assert shown.returncode == 0 and "1,797 examples, 10 classes" in shown.stdout and "1×28×28" in shown.stdout
    assert json.loads(antigrad(address, "datasets", "show", "digits", "--json").stdout)["id"] == "digits"
    drawn = antigrad(address, "datasets", "preview", "digits", "--rows", "2", "--part", "all", folder=tmp_path)
    assert drawn.stdout == "digits.png\n" and (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    saved = antigrad(address, "datasets", "export", "digits", "--out", str(tmp_path / "mine.npz"), "--json")
    assert json.loads(saved.stdout) == {"file": str(tmp_path / "mine.npz")}
    assert (tmp_path / "mine.npz").read_bytes().startswith(b"PK")
    table = antigrad(address, "datasets", "preview", "diabetes", folder=tmp_path)
    assert table.returncode == 2 and "it has no pictures" in table.stderr
    assert not (tmp_path / "diabetes.png").exists()


def test_a_table_is_shown_with_its_columns_and_deleted(address: str, tmp_path: Path) -> None:
    table = tmp_path / "flats.csv"
    table.write_text("rooms,kind,price\n3,flat,100\n4,house,200\n5,flat,150\n")
    added = antigrad(address, "datasets", "add", "flats", str(table), "--target", "price")
    assert added.returncode == 0, added.stderr
    shown = antigrad(address, "datasets", "show", "flats")
    assert "rooms (number)" in shown.stdout and "kind (category of 2)" in shown.stdout
    assert "the target is price" in shown.stdout
    ended = antigrad(address, "datasets", "cancel", "flats")
    assert ended.returncode == 2 and "already ready" in ended.stderr
    deleted = antigrad(address, "datasets", "delete", "flats")
    assert (deleted.returncode, deleted.stdout) == (0, "flats deleted\n")
    assert antigrad(address, "datasets", "show", "flats").returncode == 2
    builtin = antigrad(address, "datasets", "delete", "digits")
    assert builtin.returncode == 2 and "Traceback" not in builtin.stderr


def test_statistics_and_duplicates_are_shown_in_forty_columns(address: str, tmp_path: Path) -> None:
    for words, said in (
        (["statistics", "digits"], "1,797 examples, brightness"),
        (["statistics", "diabetes", "--part", "train"], "the target"),
        (["duplicates", "digits"], "test examples are in the training"),
        (["suspects", "digits", "--limit", "5"], "have a neighbour with another label"),
    ):
        done = antigrad(address, "datasets", *words, COLUMNS="40")
        assert done.returncode == 0 and said in done.stdout, done.stderr
        assert json.loads(antigrad(address, "datasets", *words, "--json").stdout)
    means = tmp_path / "means.png"
    drawn = antigrad(address, "datasets", "statistics", "digits", "--out", str(means))
    assert drawn.stdout == f"{means}\n" and means.read_bytes().startswith(b"\x89PNG")
