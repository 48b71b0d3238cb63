"""The California housing table equals scikit-learn's, value for value."""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import _california_housing as theirs
from sklearn.datasets._base import RemoteFileMetadata

from app.datasets.catalogue.california import TABLE
from app.datasets.catalogue.published import CATALOGUE
from app.datasets.errors import ImportFailed
from app.datasets.import_options import Imported
from tests.support.archives import tarred
from tests.support.site import Answer, serving

# Three of the table's 20,640 lines: longitude, latitude, age, rooms, bedrooms, population, households, income, value.
LINES = b"""\
-122.230000,37.880000,41.000000,880.000000,129.000000,322.000000,126.000000,8.325200,452600.000000
-122.220000,37.860000,21.000000,7099.000000,1106.000000,2401.000000,1138.000000,8.301400,358500.000000
-121.240000,39.370000,16.000000,2785.000000,616.000000,1387.000000,530.000000,2.388600,89400.000000
"""
ABOUT = "CaliforniaHousing/cal_housing.domain"
HOUSING = CATALOGUE["california-housing"]


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def archive(files: dict[str, bytes]) -> Path:
        path = tmp_path / "cal_housing.tgz"
        path.write_bytes(tarred(files, "w:gz"))
        return path

    return archive


def read(archive: Path) -> Imported:
    return HOUSING.read({"file": archive}, HOUSING.reading, tempfile.TemporaryFile, lambda *_: None)


def test_the_columns_and_the_target_are_those_of_scikit_learn(
    archive: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive({TABLE: LINES, ABOUT: b"about"})
    ours = read(path).arrays
    with serving() as site:
        site.answers = [Answer(path.read_bytes())]
        checksum = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(theirs, "ARCHIVE", RemoteFileMetadata("cal_housing.tgz", f"{site.address}/", checksum))
        bunch = theirs.fetch_california_housing(data_home=tmp_path / "theirs")
    assert ours.feature_names == tuple(bunch.feature_names)
    assert bunch.target_names == [HOUSING.reading.target]
    assert np.array_equal(ours.inputs, bunch.data.astype(np.float32))
    assert np.array_equal(ours.targets, bunch.target.astype(np.float32))
    assert ours.task == "regression" and ours.shape == (8,)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({ABOUT: b"about"}, "does not hold CaliforniaHousing/cal_housing.data"),
        ({TABLE: b"1,2,3\n"}, "nine columns"),
        ({TABLE: b"a,b\n"}, "nine columns"),
        ({TABLE: b"\xff\x00" * 1000}, "nine columns"),
    ],
    ids=["no table", "three columns", "letters", "bytes"],
)
def test_another_archive_is_refused_with_a_reason(
    archive: Callable[..., Path], files: dict[str, bytes], said: str
) -> None:
    with pytest.raises(ImportFailed, match=said):
        read(archive(files))
