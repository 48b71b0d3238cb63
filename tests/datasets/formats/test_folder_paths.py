"""Classes, parts and unlabelled pictures among the folders of an archive."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.datasets.errors import ImportFailed
from tests.support.archives import png, tarred, zipped
from tests.support.imports import codes_of, imported, said_of, warnings_of

WRITERS = {f"letters/{letter}/{writer}/{n}.png": png(n) for letter in "AB" for writer in ("w1", "w2") for n in range(3)}


def test_one_name_under_several_parents_is_said(tmp_path: Path) -> None:
    found = imported(tmp_path, zipped(WRITERS))
    assert found.arrays.classes == ("w1", "w2") and codes_of(found) == ["class_in_several_folders"]
    (said,) = warnings_of(found)
    assert "'w1'" in said and "letters/A, letters/B" in said and said.endswith("classes_from=2 takes A, B")


@pytest.mark.parametrize("level", [2, -2])
def test_the_level_of_the_classes_can_be_said(tmp_path: Path, level: int) -> None:
    found = imported(tmp_path, zipped(WRITERS), classes_from=level)
    assert found.arrays.classes == ("A", "B") and found.arrays.targets.tolist() == [0] * 6 + [1] * 6
    assert codes_of(found) == []


def test_a_level_without_classes_is_refused_with_the_right_one(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"only the folder 'letters' has.*classes_from=2 takes A, B; classes_from=3"):
        imported(tmp_path, zipped(WRITERS), classes_from=1)
    with pytest.raises(ImportFailed, match="is in no folder at that level"):
        imported(tmp_path, zipped(WRITERS), classes_from=4)


@pytest.mark.parametrize("outer", ["", "data/", "./", "Training/set/"])
def test_parts_are_no_several_parents(tmp_path: Path, outer: str) -> None:
    files = {
        f"{outer}{part}/{letter}/{n}.png": png(n) for part in ("train", "test") for letter in "AB" for n in range(3)
    }
    found = imported(tmp_path, tarred(files))
    assert codes_of(found) == [] and found.arrays.own_split == ["train", "test"]


def sound(*parts: str) -> dict[str, bytes]:
    return {
        f"data/{part}/{letter}/{n}.png": png(10 * len(part) + n) for part in parts for letter in "AB" for n in range(4)
    }


@pytest.mark.parametrize("folder", ["test", "Testing", "val"])
def test_pictures_in_no_class_of_a_part_are_left_out_and_the_sound_parts_stay(tmp_path: Path, folder: str) -> None:
    other = "validation" if folder != "val" else "test"
    files = sound("train", other) | {f"data/{folder}/{n}.png": png(90 + n) for n in range(6)}
    found = imported(tmp_path, zipped(files))
    assert found.arrays.classes == ("A", "B") and len(found.arrays.targets) == 16
    assert found.arrays.own_split == ["train", "test"]  # validation alone is the test
    assert f"6 pictures lie directly in data/{folder}" in " ".join(said_of(found)) and len(found.skipped) == 6


def test_a_class_may_be_called_like_a_part(tmp_path: Path) -> None:
    names = ("test", "car", "plane")
    found = imported(tmp_path, zipped({f"{name}/{n}.png": png(n) for name in names for n in range(3)}))
    assert found.arrays.classes == ("car", "plane", "test")
    inside = {f"{part}/{name}/{n}.png": png(n) for part in ("train", "test") for name in names for n in range(3)}
    found = imported(tmp_path, zipped(inside))
    assert found.arrays.classes == ("car", "plane", "test") and found.arrays.own_split == ["train", "test"]


@pytest.mark.parametrize("folder", ["test1", "x_test", "test-images", "Testset", "unlabelled", "no_labels", "val_2"])
def test_a_folder_called_like_a_part_beside_the_parts_is_no_class(tmp_path: Path, folder: str) -> None:
    found = imported(
        tmp_path, zipped(sound("train", "test") | {f"data/{folder}/{n}.png": png(90 + n) for n in range(6)})
    )
    assert found.arrays.classes == ("A", "B") and found.arrays.own_split == ["train", "test"]
    assert codes_of(found) == ["unlabelled_pictures"] and len(found.skipped) == 6


@pytest.mark.parametrize("folders", [("train", "test1"), ("x_train", "x_test"), ("train", "unlabeled")])
def test_folders_that_are_all_called_like_parts_are_no_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    with pytest.raises(ImportFailed, match="no folder of a class"):
        imported(tmp_path, zipped({f"{folder}/cat.{n}.png": png(n) for folder in folders for n in range(3)}))


@pytest.mark.parametrize("name", ["test1", "unlabelled", "test"])
def test_a_class_called_like_a_part_is_said(tmp_path: Path, name: str) -> None:
    found = imported(tmp_path, zipped({f"{folder}/{n}.png": png(n) for folder in ("A", "B", name) for n in range(3)}))
    assert found.arrays.classes == ("A", "B", name) and codes_of(found) == ["classes_called_like_parts"]


@pytest.mark.parametrize("outer", ["letters", "data/letters", "./letters"])
def test_pictures_around_all_classes_are_left_out(tmp_path: Path, outer: str) -> None:
    files = {f"{outer}/{letter}/{n}.png": png(n) for letter in "AB" for n in range(3)}
    found = imported(tmp_path, zipped(files | {f"{outer}/{n}.png": png(90 + n) for n in range(2)}))
    assert found.arrays.classes == ("A", "B") and len(found.arrays.targets) == 6
    assert codes_of(found) == ["unlabelled_pictures"]


def test_a_class_within_a_class_is_said_with_the_level_that_joins_them(tmp_path: Path) -> None:
    files = {f"{folder}/{n}.png": png(n + len(folder)) for folder in ("A", "A/more", "B") for n in range(3)}
    found = imported(tmp_path, zipped(files))
    assert found.arrays.classes == ("A", "B", "more") and codes_of(found) == ["classes_within_a_class"]
    assert warnings_of(found)[0].endswith("classes_from=1 takes A, B")
    joined = imported(tmp_path, zipped(files), classes_from=1)
    assert joined.arrays.classes == ("A", "B") and codes_of(joined) == []


def test_classes_at_different_depths_are_said(tmp_path: Path) -> None:
    found = imported(
        tmp_path, zipped({f"{folder}/{n}.png": png(n) for folder in ("A", "B/b", "C/c/d") for n in range(3)})
    )
    assert found.arrays.classes == ("A", "b", "d") and codes_of(found) == ["classes_at_different_depths"]
    assert "such as A and C/c/d" in warnings_of(found)[0]


def test_parts_without_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="no folder of a class"):
        imported(tmp_path, zipped({f"{part}/{n}.png": png(n) for part in ("train", "test") for n in range(3)}))


@pytest.mark.parametrize(
    "junk",
    [".ipynb_checkpoints/1-checkpoint.png", ".trash/1.png", "@eaDir/1.png/SYNOPHOTO_THUMB_S.png", "#recycle/1.png",
     "$RECYCLE.BIN/1.png", "__MACOSX/letters/A/._1.png", ".1.png", "._1.png", ".DS_Store", "Thumbs.db", "desktop.ini",
     "System Volume Information/1.png"],
)  # fmt: skip
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hidden_and_system_files_are_ignored_and_counted(
    tmp_path: Path, junk: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    files = {f"./letters/{letter}/{n}.png": png(n) for letter in "AB" for n in range(3)}
    found = imported(tmp_path, pack(files | {f"letters/A/{junk}": png(7), f"letters/{junk}": png(8)}))
    assert found.arrays.classes == ("A", "B") and len(found.arrays.targets) == 6 and found.skipped == []
    assert said_of(found) == [f"2 hidden files and files of operating systems are ignored, such as letters/A/{junk}"]


@pytest.mark.parametrize(
    "folder",
    ["@Recycle", "@__thumb", "@Recently-Snapshot", "@SynoResource", "@tmp", "~snapshot", "#snapshot", "$Extend",
     "$RECYCLE.BIN", "RECYCLER", "FOUND.000", "found.012", "LOST.DIR", "Network Trash Folder", "Temporary Items"],
)  # fmt: skip
@pytest.mark.parametrize("outer", ["", "letters/"])
def test_folders_of_storage_devices_are_no_classes(tmp_path: Path, folder: str, outer: str) -> None:
    files = {f"{outer}{letter}/{n}.png": png(n) for letter in "AB" for n in range(3)}
    found = imported(tmp_path, zipped(files | {f"{outer}{folder}/1.png": png(7), f"{outer}{folder}/A/2.png": png(8)}))
    assert found.arrays.classes == ("A", "B") and codes_of(found) == ["system_files_ignored"]


def test_signs_may_be_classes(tmp_path: Path) -> None:
    names = ("#", "#1", "$", "$5", "@", "a@b", "~")
    found = imported(tmp_path, zipped({f"signs/{name}/{n}.png": png(n) for name in names for n in range(2)}))
    assert found.arrays.classes == names and codes_of(found) == []


def test_names_with_a_dot_within_are_no_junk(tmp_path: Path) -> None:
    files = {f"v1.0/A.b/{n}.png": png(n) for n in range(2)} | {f"v1.0/thumbs/{n}.x.png": png(n) for n in range(2)}
    found = imported(tmp_path, zipped(files))
    assert found.arrays.classes == ("A.b", "thumbs") and codes_of(found) == []
