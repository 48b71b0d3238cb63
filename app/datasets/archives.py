"""The files in an archive, one after another: hostile until proven otherwise.

Nothing is ever extracted to disk, so no name can lead anywhere. What is unpacked is counted as it is read, since a
header may promise anything, and no step holds more than one member in memory.
"""

import gzip
import io
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.datasets import tar
from app.datasets.errors import ImportFailed

TOTAL_BYTES = 4 * 1024**3
MEMBER_BYTES = 64 * 1024**2
MEMBERS = 1_000_000
DIRECTORY_BYTES = 128 * 1024**2  # of a zip's list of members, which is read at once
CHUNK_BYTES = 64 * 1024  # counted one by one: a damaged member, too, costs what was unpacked of it
NAME_LENGTH = 200
JUNK = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$|Thumbs\.db$)")
ENCRYPTED = 0x1


@dataclass(frozen=True)
class Member:
    """A file of the archive: its bytes, or why they were not read."""

    name: str
    data: bytes = b""
    reason: str | None = None


def members(path: Path) -> Iterator[Member]:
    """The files in a .zip, .tar or .tar.gz, told by its content. Raises ImportFailed."""
    with path.open("rb") as file:
        beginning = file.read(tar.BLOCK)
    if beginning[:4] in (b"PK\3\4", b"PK\5\6"):
        found = _zip_members(path)
    elif beginning[:2] == b"\x1f\x8b":
        found = _tar_members(gzip.GzipFile(path))
    elif tar.begins_one(beginning):
        found = _tar_members(path.open("rb"))
    else:
        raise ImportFailed("this is no archive that can be read; send a .zip, .tar or .tar.gz with a folder a class")
    try:
        for count, member in enumerate(found):
            if count >= MEMBERS:
                raise ImportFailed(f"the archive holds over {MEMBERS:,} files; leave some out")
            yield member
    except (ImportFailed, MemoryError):
        raise
    except Exception as error:  # zipfile and gzip raise nearly anything on broken files
        raise ImportFailed(f"the archive is damaged or cut off ({error}); send it again") from error


class Budget:
    """What may still be unpacked."""

    def __init__(self) -> None:
        self.left = TOTAL_BYTES

    def spend(self, size: int) -> None:
        """Raises ImportFailed when there is not so much left."""
        self.left -= size
        if self.left < 0:
            raise ImportFailed(f"unpacked, the archive is over {TOTAL_BYTES:,} bytes; leave some out")


class _DirectoryGuard(io.FileIO):
    """A zip file whose list of members is not read when it is too long for the memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size > DIRECTORY_BYTES:
            raise ImportFailed(f"the zip's list of members is over {DIRECTORY_BYTES:,} bytes; leave some out")
        return super().read(size) or b""


def _zip_members(path: Path) -> Iterator[Member]:
    budget = Budget()
    with _DirectoryGuard(path) as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = clean(info.filename)
            if name.endswith("/") or JUNK.search(name):
                continue
            reason = path_problem(name) or _zip_problem(info)
            yield Member(name, reason=reason) if reason else _unzipped(archive, info, name, budget)


def _zip_problem(info: zipfile.ZipInfo) -> str | None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link or a device, no file"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted; pack it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed by a method that is not read; use deflate, the usual one"
    return None


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, budget: Budget) -> Member:
    data = bytearray()
    try:
        with archive.open(info) as file:
            while len(data) <= MEMBER_BYTES and (more := file.read(CHUNK_BYTES)):
                budget.spend(len(more))
                data += more
    except ImportFailed:
        raise
    except Exception as error:
        return Member(name, reason=f"is damaged in the archive: {error}")
    return _sized(name, bytes(data))


def _tar_members(file: io.BufferedIOBase) -> Iterator[Member]:
    budget = Budget()
    with file:
        for entry in tar.entries(file, budget.spend):
            name = clean(entry.name)
            reason = path_problem(name) or entry.problem
            if JUNK.search(name):
                continue
            yield Member(name, reason=reason) if reason else _sized(name, entry.read(MEMBER_BYTES + 1))


def _sized(name: str, data: bytes) -> Member:
    if len(data) > MEMBER_BYTES:
        return Member(name, reason=f"is over {MEMBER_BYTES:,} bytes")
    return Member(name, data)


def clean(name: str) -> str:
    """A name as it can be shown and stored: `/` between folders, one form of each accent, nothing unprintable."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def path_problem(name: str) -> str | None:
    """Why a cleaned name is not to be trusted, if so."""
    parts = name.split("/")
    if ".." in parts:
        return "has .. in its path"
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return "has an absolute path"
    if any(len(part) > NAME_LENGTH for part in parts):
        return f"has a name of over {NAME_LENGTH} letters in its path"
    return None
