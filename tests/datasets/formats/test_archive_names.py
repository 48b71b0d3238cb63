"""Names in archives that do not say how they are encoded."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from app.datasets.errors import ImportFailed
from tests.support.archives import png, tarred, zipped
from tests.support.imports import codes_of, imported, warnings_of

Pack = Callable[[str], bytes]
NAMES = [f"буквы/{letter}/{number}.png" for letter in "ЖЩ" for number in range(3)]
FILES = {name: png(place) for place, name in enumerate(NAMES)}


def unflagged(encoding: str) -> bytes:
    """A zip with names in this encoding and without the flag of UTF-8, as many programs write it."""
    raw = {name: name.encode(encoding) for name in FILES}
    standing_in = {name: f"{place}".rjust(len(raw[name]), "x") for place, name in enumerate(FILES)}
    data = zipped({standing_in[name]: content for name, content in FILES.items()})
    for name in FILES:
        data = data.replace(standing_in[name].encode(), raw[name])
    assert len(zipfile.ZipFile(io.BytesIO(data)).namelist()) == len(FILES)
    return data


def tarred_in(encoding: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT, encoding=encoding) as archive:
        for name, data in FILES.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("data", [zipped(FILES), unflagged("utf-8"), tarred(FILES), tarred_in("utf-8")], ids=range(4))
def test_names_in_utf8_are_read_with_and_without_its_flag(tmp_path: Path, data: bytes) -> None:
    found = imported(tmp_path, data)
    assert found.arrays.classes == ("Ж", "Щ") and codes_of(found) == []


@pytest.mark.parametrize("encoding", ["cp866", "cp1251", "koi8-r"])
@pytest.mark.parametrize("pack", [unflagged, tarred_in])
def test_other_names_are_read_in_the_encoding_that_is_given(tmp_path: Path, pack: Pack, encoding: str) -> None:
    assert imported(tmp_path, pack(encoding), encoding=encoding).arrays.classes == ("Ж", "Щ")
    guessed = imported(tmp_path, pack(encoding))
    assert codes_of(guessed) == ["names_guessed"] and "encoding=cp866" in warnings_of(guessed)[0]
    assert len(guessed.arrays.classes) == 2  # they stay apart


@pytest.mark.parametrize("pack", [unflagged, tarred_in])
def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path, pack: Pack) -> None:
    with pytest.raises(ImportFailed, match="is not text in the encoding ascii"):
        imported(tmp_path, pack("cp866"), encoding="ascii")
    with pytest.raises(ImportFailed, match="is not supported"):
        imported(tmp_path, pack("cp866"), encoding="klingon")
