"""A file of an upload on the local disk, decompressed while it is read."""

import bz2
import gzip
import io
import lzma
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from app.datasets.errors import ImportFailed

TOTAL_BYTES = 16 * 1024**3
BEGINNING = 512  # bytes from which the format is detected
GZIP, BZIP2, XZ, ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"
ZIP = (b"PK\3\4", b"PK\5\6")


class CompressedFile:
    """A file that may be compressed. `raw` is the open file on disk; its position shows the import's progress."""

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
        """First bytes of the unpacked content. Raises ImportFailed."""
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
        if self.magic.startswith(ZSTD):  # the standard library reads it only from Python 3.14
            import pyarrow as pa

            return sound(pa.CompressedInputStream(pa.PythonFile(raw, "r"), "zstd"), raw)
        return sound(raw)


class Budget:
    """Bytes that may still be unpacked."""

    def __init__(self) -> None:
        self.left = TOTAL_BYTES

    def spend(self, size: int) -> None:
        """Subtract bytes. Raises ImportFailed if fewer are left."""
        self.left -= size
        if self.left < 0:
            raise ImportFailed("upload_too_large", limit=TOTAL_BYTES)


class _Sound(io.RawIOBase):
    """Stream that counts unpacked bytes, and turns the libraries' various errors on damaged files into ImportFailed."""

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
    """Stream whose reading raises ImportFailed if it is damaged or too large. Closing it also closes those under it."""
    return io.BufferedReader(_Sound(file, *under), 2**17)
