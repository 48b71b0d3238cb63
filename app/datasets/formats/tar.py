"""Iteration over a tar archive in bounded memory.

Headers of the usual kind are parsed here, since `tarfile` takes as long for one as a decoder takes for a small picture.
`tarfile` parses only the unusual ones. Iterating from header to header is done here too, because `tarfile` has three
faults at it. It treats a damaged or missing header as the end of the archive, so that a cut-off upload would silently
lose files. It reads long names and sparse maps of any size into memory. And it seeks for years towards an end that a
forged header claims.
"""

import struct
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from app.datasets.errors import ImportFailed

BLOCK = 512
EXTENSION_BYTES = 64 * 1024  # of a long name or of extended headers
LONG_NAME, EXTENDED = tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE
OF_THE_NEXT = (LONG_NAME, EXTENDED, tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE)  # headers that only describe others
FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
WITHOUT_DATA = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)

FIELDS = struct.Struct("100s 24x 12s 12x 8s c 188x 155s 12x")  # name, size, checksum, type, start of a long name
USUAL = (tarfile.REGTYPE, EXTENDED)


class Header(NamedTuple):
    """Header of a member of a tar archive."""

    name: str
    size: int
    type: bytes


def begins_one(block: bytes) -> bool:
    """True if these first 512 bytes are the start of a tar archive."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return len(block) == BLOCK and not any(block)  # an empty archive
    return True


@dataclass(slots=True)
class Entry:
    """A file, link or device. Call `read` before taking the next entry, which skips the unread bytes."""

    name: str
    problem: str | None
    left: int
    take: Callable[[int], bytes]

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes of the content."""
        size = min(size, self.left)
        self.left -= size
        return self.take(size)


def entries(file: IO[bytes]) -> Iterator[Entry]:
    """Iterate over the entries of an archive, without folders. Raises ImportFailed."""

    def take(size: int) -> bytes:
        data = file.read(size)
        if len(data) < size:
            raise ImportFailed("tar_cut_off")
        return data

    extended: dict[str, str] = {}
    while any(block := take(BLOCK)):
        header = _header(block)
        size = _stored(header, extended)
        padding = -size % BLOCK
        if header.type in (LONG_NAME, EXTENDED):
            if size > EXTENSION_BYTES:
                raise ImportFailed("tar_header_too_large", limit=EXTENSION_BYTES)
            data = take(size)
            take(padding)
            extended |= _extensions(data) if header.type == EXTENDED else {"path": _text(data.rstrip(b"\0"))}
            continue
        problem = None if header.type in FILES else "is a link or a device, not a file"
        entry = Entry(extended.get("path", header.name), problem, size, take)
        if header.type not in OF_THE_NEXT:
            extended = {}
            if header.type != tarfile.DIRTYPE:
                yield entry
        while entry.left:
            entry.read(2**20)
        take(padding)
    while file.read(2**16):  # up to the end, where gzip verifies its checksum
        pass


def _header(block: bytes) -> Header:
    usual = _usual(block)
    if usual is not None:
        return usual
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError) as error:
        raise ImportFailed("tar_damaged") from error
    return Header(info.name, info.size, info.type)


def _usual(block: bytes) -> Header | None:
    """Header of the kind that almost all files have; None for any other, valid or not."""
    name, digits, checksum, kind, start = FIELDS.unpack(block)
    try:
        size, wanted = _octal(digits), _octal(checksum)
    except ValueError:
        return None
    if kind not in USUAL or start[0] or wanted != _sum(block) - sum(checksum) + 8 * ord(" "):
        return None
    return Header(_text(name.partition(b"\0")[0]), size, kind)


def _sum(block: bytes) -> int:
    """Checksum of a header's bytes.

    Adler-32 is faster than a sum in Python. Its lower half is 1 + the sum, modulo 65,521, which 512 ASCII characters do
    not reach.
    """
    return (zlib.adler32(block) & 0xFFFF) - 1 if block.isascii() else sum(block)


def _octal(field: bytes) -> int:
    return int(field.rstrip(b" \0"), 8)


def _stored(header: Header, extended: dict[str, str]) -> int:
    """Number of content bytes that follow the header. Raises ImportFailed."""
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise ImportFailed("tar_sparse")
    if header.type in WITHOUT_DATA:
        return 0
    if "size" in extended and header.type not in OF_THE_NEXT:
        digits = extended["size"]
        size = int(digits) if digits.isdecimal() and len(digits) < 20 else -1
    else:
        size = header.size
    if size < 0:
        raise ImportFailed("tar_damaged")
    return size


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _extensions(data: bytes) -> dict[str, str]:
    """`path` and `size` from the records `<length> <key>=<value>\\n` of a pax header. `length` counts the record."""
    records: dict[str, str] = {}
    while data:
        digits, _, _ = data[:24].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = data[len(digits) + 1 : max(0, length - 1)].partition(b"=")
        if not equals or length > len(data):
            raise ImportFailed("tar_damaged")
        if key.startswith(b"GNU.sparse."):
            raise ImportFailed("tar_sparse")
        if key in (b"path", b"size"):
            records[_text(key)] = _text(value)
        data = data[length:]
    return records
