"""Fast path for plain PNGs: the wanted size and mode, one IDAT block, and no other chunks.

Archives of letters consist of these. On such small pictures Pillow spends most of its time on overhead. So the rows of
many pictures are stacked, and Pillow decodes them as one tall picture.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import cache

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BLOCK = b"IDAT"
END = b"\0\0\0\0IEND\xaeB`\x82"
COLOURS = {1: (0, "L"), 3: (2, "RGB")}  # by channels: PNG's colour type, and Pillow's mode
FILTERS = 5  # of PNG: each predicts the pixels of a row from their neighbours


def plain(pictures: Sequence[bytes], shape: tuple[int, ...]) -> dict[int, bytes]:
    """Pixels (C, H, W) of the images that are plain PNGs, by position. The others are left to Pillow."""
    channels, height, width = shape
    rows_at = {place: rows for place, data in enumerate(pictures) if (rows := _rows(data, channels, height, width))}
    if not rows_at:
        return {}
    nothing = bytes(1 + channels * width)  # between pictures: the filters of a first row expect zeros above it
    packed = zlib.compress(nothing.join(rows_at.values()), 0)
    _, mode = COLOURS[channels]
    tall = Image.frombytes(mode, (width, (height + 1) * len(rows_at) - 1), packed, "zip", mode, 0)
    planes = [plane.tobytes() for plane in tall.split()]
    size, step = height * width, (height + 1) * width
    return {place: b"".join(plane[at : at + size] for plane in planes)
            for place, at in zip(rows_at, range(0, step * len(rows_at), step), strict=True)}  # fmt: skip


def one_plain(data: bytes, shape: tuple[int, ...]) -> bytes | None:
    """Pixels (1, H, W) of a single gray picture if it is a plain PNG; None leaves it to Pillow."""
    channels, height, width = shape
    packed = _packed(data, channels, height, width) if channels == 1 else None
    if packed is None:
        return None
    try:
        return Image.frombytes("L", (width, height), packed, "zip", "L", 0).tobytes()
    except ValueError:  # damaged or too short
        return None


def _packed(data: bytes, channels: int, height: int, width: int) -> bytes | None:
    """The image data of a plain PNG as it is packed. None for any other file."""
    head = _head(channels, height, width)
    at = len(head)
    if not (data.startswith(head) and data[at + 4 : at + 8] == BLOCK and data.endswith(END)):
        return None
    packed = data[at + 8 : -len(END) - 4]
    return packed if int.from_bytes(data[at : at + 4], "big") == len(packed) else None


def _rows(data: bytes, channels: int, height: int, width: int) -> bytes | None:
    """Unpacked image data of a plain PNG: for each row, its filter byte and its bytes. None for any other file."""
    packed = _packed(data, channels, height, width)
    if packed is None:
        return None
    row = 1 + channels * width
    unpacker = zlib.decompressobj()
    try:
        rows = unpacker.decompress(packed, height * row + 1)
    except zlib.error:
        return None
    return rows if unpacker.eof and len(rows) == height * row and max(rows[::row]) < FILTERS else None


@cache
def _head(channels: int, height: int, width: int) -> bytes:
    """PNG signature and header: 8 bits per channel, not interlaced."""
    colour, _ = COLOURS[channels]
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)
    return SIGNATURE + struct.pack(">I", len(header) - 4) + header + struct.pack(">I", zlib.crc32(header))
