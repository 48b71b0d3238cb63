"""A file of an upload, on this machine's disk: unpacked as it is read, if it is compressed."""

import bz2
import gzip
import io
import lzma
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from app.datasets.errors import ImportFailed

TOTAL_BYTES = 16 * 1024**3
BEGINNING = 512  # bytes that tell what it is
GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
ZIP = (b"PK\3\4", b"PK\5\6")


class CompressedFile:
    """`raw` is the file itself, once it is open: how far it has been read is how far the import has come."""

    def __init__(self, path: Path) -> None:
        self.path, self.size = path, path.stat().st_size
        self.raw: IO[bytes] | None = None
        with path.open("rb") as file:
            self.magic = file.read(8)

    @property
    def is_zip(self) -> bool:
        return self.magic[:4] in ZIP

    @property
    def is_compressed(self) -> bool:
        return self.magic.startswith((GZIP, BZIP2, XZ, ZSTD))

    @property
    def fraction(self) -> float:
        """Fraction of the bytes that have been read, from 0 to 1."""
        if self.raw is None or self.raw.closed:
            return 0.0
        return min(1.0, self.raw.tell() / max(1, self.size))

    @cached_property
    def beginning(self) -> bytes:
        """The first bytes of what it holds. Raises ImportFailed."""
        with self.open() as file:
            return file.read(BEGINNING)

    def open(self) -> IO[bytes]:
        """Open the unpacked content. Reading raises ImportFailed if it is damaged or too large."""
        self.raw = raw = self.path.open("rb")
        if self.magic.startswith(GZIP):
            return sound(gzip.GzipFile(fileobj=raw), raw)
        if self.magic.startswith(BZIP2):
            return sound(bz2.BZ2File(raw), raw)
        if self.magic.startswith(XZ):
            return sound(lzma.LZMAFile(raw), raw)
        if self.magic.startswith(ZSTD):  # Python itself reads it from 3.14 on only
            import pyarrow as pa

            return sound(pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"), raw)
        return sound(raw)


class Budget:
    """Bytes that may still be unpacked."""

    def __init__(self) -> None:
        self.left = TOTAL_BYTES

    def spend(self, size: int) -> None:
        """Raises ImportFailed when there is not so much left."""
        self.left -= size
        if self.left < 0:
            raise ImportFailed("upload_too_large", limit=TOTAL_BYTES)


class _Sound(io.RawIOBase):
    """Counts what is unpacked, and says what the libraries mean that raise nearly anything on damaged files."""

    def __init__(self, file: Any, *under: IO[bytes]) -> None:
        self.file, self.under, self.budget = file, under, Budget()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            count = int(self.file.readinto(buffer))
        except MemoryError:
            raise
        except Exception as error:
            raise ImportFailed("file_damaged", reason=str(error)) from error
        self.budget.spend(count)
        return count

    def close(self) -> None:
        for file in (self.file, *self.under):
            file.close()
        super().close()


def sound(file: Any, *under: IO[bytes]) -> IO[bytes]:
    """Reading it raises ImportFailed where it is damaged, or too much; closing it closes the files under it."""
    return io.BufferedReader(_Sound(file, *under), 2**17)
