"""Archives and arrays for tests: letters, and hostile archives."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray
from PIL import Image


def png(seed: int = 0, size: tuple[int, int] = (28, 28), mode: str = "L") -> bytes:
    """A picture of noise."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    picture = Image.fromarray(noise[..., 0] if channels == 1 else noise, mode=None).convert(mode)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def letters(classes: str = "ABC", each: int = 3, around: str = "notMNIST_small/") -> dict[str, bytes]:
    """The files of a small dataset, in folders like the lecture's."""
    return {
        f"{around}{letter}/{number}.png": png(1000 * place + number)
        for place, letter in enumerate(classes)
        for number in range(each)
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """A .zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w", format: int = tarfile.PAX_FORMAT) -> bytes:
    """A .tar, or with the mode `w:gz` a .tar.gz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=format) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()


COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: bytes(pyarrow.compress(data, "zstd", asbytes=True)),
}


def streams(pack: str, *pieces: tuple[bytes, int]) -> bytes:
    """Repeated pieces, compressed: each repetition is a separate stream, so that it is quick to make."""
    return b"".join(COMPRESSED[pack](piece) * times for piece, times in pieces)


def deflated(piece: bytes, times: int) -> bytes:
    """A repeated piece as the compressed data of a zip member."""
    packer = zlib.compressobj(wbits=-15)
    once = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return once * times + b"\3\0"  # the end of all blocks


def zip_of(entries: Iterable[str], packed: bytes = b"\3\0", size: int = 0, apart: int | None = None) -> bytes:
    """A zip whose members all have the same bytes, and the declared unpacked `size`. Each begins where the one before
    ends, or `apart` bytes after its beginning: with few bytes they overlap, and with 0 they are one."""
    method = zipfile.ZIP_DEFLATED
    sizes = struct.pack("<3I", 0, len(packed), min(size, 2**32 - 2))
    members, listed, count = bytearray(), bytearray(), 0
    for name in map(str.encode, entries):
        offset = len(members) if apart is None else count * apart
        listed += b"PK\1\2" + struct.pack("<6H", 20, 20, 0, method, 0, 0) + sizes
        listed += struct.pack("<5H2I", len(name), *[0] * 5, offset) + name
        head = b"PK\3\4" + struct.pack("<5H", 20, 0, method, 0, 0) + sizes + struct.pack("<2H", len(name), 0) + name
        members[offset:] = head + packed
        count += 1
    number = min(count, 0xFFFF)
    end = b"PK\5\6" + struct.pack("<4H2IH", 0, 0, number, number, len(listed), len(members), 0)
    return bytes(members + listed + end)


def npy(array: NDArray[Any]) -> bytes:
    """The bytes of an array's .npy file."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
