"""The files in an archive, one after another. Archives are treated as hostile.

Nothing is extracted to disk, so no member's name can point outside a folder. Unpacked bytes are counted while they are
read, since a header may claim anything. At most one member is in memory at a time.
"""

import io
import re
import stat
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from app.datasets.errors import ImportFailed
from app.datasets.formats import tar
from app.datasets.formats.compressed_file import Budget, CompressedFile
from app.datasets.formats.ignored_files import JUNK
from app.datasets.import_options import Tell, text_encoding
from app.datasets.names import printable
from app.messages import Message

MEMBER_BYTES = 64 * 1024**2
MEMBERS = 1_000_000
ZIP_MEMBERS = 500_000  # zipfile keeps half a kilobyte for each
DIRECTORY_BYTES = 64 * 1024**2  # of a zip's list of members, which is read in one piece
CHUNK_BYTES = 64 * 1024  # counted one by one, so that the bytes of a damaged member count too
PATH_LENGTH, NAME_LENGTH = 4096, 200
DRIVE = re.compile(r"[A-Za-z]:")
HEADER_BYTES = 30  # of a member in a zip, without its name
ENCRYPTED, UTF8 = 0x1, 0x800  # flags of a member
ZIP_CODE_PAGE = "cp437"  # of names without the flag, as the format says
ENTRY = b"PK\1\2"  # starts an entry in a zip's list of members


class Member(NamedTuple):
    """A file of the archive: its bytes, or the reason why they were not read."""

    name: str
    data: bytes = b""
    reason: str | None = None


@dataclass
class Noticed:
    """Remarkable members of an archive.

    ignored, ignored_file: number of hidden and system files, and the first. guessed_name: the first name whose encoding
    is unknown.
    """

    ignored: int = 0
    ignored_file: str = ""
    guessed_name: str | None = None

    def ignore(self, name: str) -> None:
        self.ignored += 1
        self.ignored_file = self.ignored_file or name

    @property
    def remarks(self) -> list[Message]:
        remarks = []
        if self.guessed_name is not None:
            remarks.append(Message.of("names_guessed", name=self.guessed_name))
        if self.ignored:
            remarks.append(Message.of("system_files_ignored", count=self.ignored, file=self.ignored_file))
        return remarks


def members(upload: CompressedFile, noticed: Noticed, tell: Tell, encoding: str | None = None) -> Iterator[Member]:
    """Iterate over the files of a .zip, or of a .tar that may be compressed; `tell` is called for each.

    encoding: of the names that are not UTF-8. Raises ImportFailed.
    """
    files = _zip_members(upload, noticed, encoding) if upload.is_zip else _tar_members(upload, noticed, encoding)
    for count in range(MEMBERS + 1):
        try:
            member = next(files, None)
        except (ImportFailed, MemoryError):
            raise
        except Exception as error:  # zipfile and gzip raise almost anything on damaged files
            raise ImportFailed("archive_damaged", reason=str(error)) from error
        if member is None:
            return
        tell(upload.fraction, count)
        yield member
    raise ImportFailed("archive_too_many_files", limit=MEMBERS)


class _DirectoryGuard(io.FileIO):
    """Zip file that refuses to read a list of members that is too large for memory."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size > DIRECTORY_BYTES:
            raise ImportFailed("zip_directory_too_large", limit=DIRECTORY_BYTES)
        data = super().read(size) or b""
        if data.count(ENTRY) > ZIP_MEMBERS:
            raise ImportFailed("zip_too_many_entries", limit=ZIP_MEMBERS)
        return data


def _zip_members(upload: CompressedFile, noticed: Noticed, encoding: str | None) -> Iterator[Member]:
    budget = Budget()
    with zip_file(upload) as archive:
        for info in archive.infolist():
            name = clean(_name(info, encoding, noticed))
            if name.endswith("/"):
                continue
            if JUNK.search(name):
                noticed.ignore(name)
                continue
            reason = path_problem(name) or zip_problem(info)
            yield Member(name, reason=reason) if reason else _unzipped(archive, info, name, budget)


def _name(info: zipfile.ZipInfo, encoding: str | None, noticed: Noticed) -> str:
    """Name of a member. Zips of macOS and Info-ZIP have UTF-8 without the flag that says so; others a code page."""
    if info.flag_bits & UTF8 or info.filename.isascii():
        return info.filename
    raw = info.filename.encode(ZIP_CODE_PAGE)  # as zipfile has decoded it
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _decoded(raw, info.filename, encoding, noticed)


def _tar_name(name: str, encoding: str | None, noticed: Noticed) -> str:
    """Name of a tar's entry, in which bytes that are not UTF-8 are lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return _decoded(name.encode("utf-8", "surrogateescape"), name, encoding, noticed)
    return name


def _decoded(raw: bytes, guess: str, encoding: str | None, noticed: Noticed) -> str:
    """A name that is not UTF-8, or the guess if its encoding is unknown. Raises ImportFailed."""
    if encoding is None:
        noticed.guessed_name = noticed.guessed_name or printable(guess)[:NAME_LENGTH]
        return guess
    try:
        return raw.decode(text_encoding(encoding))
    except UnicodeError as error:
        name = printable(guess)[:NAME_LENGTH]
        raise ImportFailed("name_not_in_encoding", name=name, encoding=encoding) from error


@contextmanager
def zip_file(upload: CompressedFile) -> Iterator[zipfile.ZipFile]:
    """Open a zip whose list of members is short enough, and whose members share no bytes. Raises ImportFailed, and
    almost anything if it is damaged."""
    with _DirectoryGuard(upload.path) as upload.raw, zipfile.ZipFile(upload.raw) as archive:
        if _overlap(archive):
            raise ImportFailed("zip_entries_overlap")
        yield archive


def _overlap(archive: zipfile.ZipFile) -> bool:
    """True if two members share bytes, or one reaches into the list: a small zip could unpack to any size.

    Names and extra fields between a member's header and its data are left out, since only the members' own headers,
    which are anywhere in the file, have their lengths. Without them, too, no byte is unpacked twice.
    """
    members = sorted((info.header_offset, info.compress_size) for info in archive.infolist())
    return any(
        offset + HEADER_BYTES + size > end for (offset, size), (end, _) in pairwise([*members, (archive.start_dir, 0)])
    )


def zip_problem(info: zipfile.ZipInfo) -> str | None:
    """Reason why a member cannot be read; None if it can."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        return "is a link or a device, not a file"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted; pack it without a password"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed by an unsupported method; use deflate, the usual one"
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


def _tar_members(upload: CompressedFile, noticed: Noticed, encoding: str | None) -> Iterator[Member]:
    with upload.open() as file:
        for entry in tar.entries(file):
            name = clean(_tar_name(entry.name, encoding, noticed))
            reason = path_problem(name) or entry.problem
            if JUNK.search(name):
                noticed.ignore(name)
                continue
            yield Member(name, reason=reason) if reason else _sized(name, entry.read(MEMBER_BYTES + 1))


def _sized(name: str, data: bytes) -> Member:
    if len(data) > MEMBER_BYTES:
        return Member(name, reason=f"is over {MEMBER_BYTES:,} bytes")
    return Member(name, data)


def clean(name: str) -> str:
    """Normalise a member's name: `/` between folders, accents in one form (NFC), nothing unprintable."""
    name = name.replace("\\", "/")
    if len(name) <= PATH_LENGTH:  # a longer one is refused later; normalising it could take a second
        name = unicodedata.normalize("NFC", name)
    return printable(name)


def path_problem(name: str) -> str | None:
    """Reason why a cleaned name is refused; None if it is safe."""
    if len(name) > PATH_LENGTH:
        return f"has a path of over {PATH_LENGTH:,} characters"
    parts = name.split("/")
    if ".." in parts:
        return "has .. in its path"
    if name.startswith("/") or DRIVE.match(name):
        return "has an absolute path"
    if len(name) > NAME_LENGTH and any(len(part) > NAME_LENGTH for part in parts):
        return f"has a name of over {NAME_LENGTH} characters in its path"
    return None
