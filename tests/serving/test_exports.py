"""An export is built once for each content; a few are kept."""

import os
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.datasets.arrays import Arrays
from app.serving.exports import KEPT, Exports
from app.settings import Settings
from tests.support.archives import letters, zipped
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

ARRAYS = Arrays(np.zeros((3, 1, 2, 2), np.uint8), np.array([0, 1, 0]), ("A", "B"))


def test_it_is_built_once_and_read_often(tmp_path: Path) -> None:
    exports = Exports(tmp_path / "exports")
    with patch.object(Arrays, "export", autospec=True, side_effect=Arrays.export) as building:
        contents = []
        for _ in range(3):
            with exports.open("one", ARRAYS) as file:
                contents.append(file.read())
    assert building.call_count == 1 and len(set(contents)) == 1
    with np.load(tmp_path / "exports/one.npz", allow_pickle=False) as arrays:
        assert arrays["targets"].tolist() == [0, 1, 0]


def test_the_least_recently_used_ones_are_dropped_and_what_is_being_read_stays_readable(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    with exports.open("0", ARRAYS) as first:
        for number in range(1, KEPT):
            exports.open(str(number), ARRAYS).close()
            os.utime(tmp_path / f"{number}.npz", (number, number))
        os.utime(tmp_path / "0.npz", (0, 0))
        exports.open("1", ARRAYS).close()  # it is used again
        exports.open("new", ARRAYS).close()
        exports.open("newer", ARRAYS).close()
        left = {path.stem for path in tmp_path.iterdir()}
        assert left == {"1", "new", "newer"} | {str(number) for number in range(3, KEPT)}
        assert first.read().startswith(b"PK")


def test_the_export_of_a_deleted_dataset_is_deleted(client: TestClient, settings: Settings, workers: Workers) -> None:
    workers.start()
    upload(client, "letters", zipped(letters()))
    settled(client, "letters")
    assert client.get("/datasets/letters/export.npz").status_code == 200
    assert len(list((settings.home / "exports").iterdir())) == 1
    assert client.delete("/datasets/letters").status_code == 204
    assert list((settings.home / "exports").iterdir()) == []


def test_a_build_that_fails_leaves_no_export(tmp_path: Path) -> None:
    exports = Exports(tmp_path)
    with patch.object(Arrays, "export", side_effect=OSError(28, "No space left on device")), pytest.raises(OSError):
        exports.open("one", ARRAYS)
    assert not (tmp_path / "one.npz").exists()
    with exports.open("one", ARRAYS) as file:
        assert file.read().startswith(b"PK")
