"""PNGs that are right already: of the wanted size and mode, in one block, and with nothing else in them.

Letters by the ten thousand are that, and on such small pictures Pillow spends most of its time before and after the
pixels. So their rows are put under each other, and Pillow decodes them as one tall picture.
"""

import struct
import zlib
from collections.abc import Sequence
from functools import cache

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
BLOCK = b"IDAT"
END = b"\0\0\0\0IEND\xaeB`\x82"
COLOURS = {1: (0, "L"), 3: (2, "RGB")}  # by channels: as PNG numbers them, and as Pillow calls them
FILTERS = 5  # by which a row may tell its pixels from those beside and above


def plain(pictures: Sequence[bytes], shape: tuple[int, ...]) -> dict[int, bytes]:
    """Pixels (C, H, W) of the images that are plain PNGs, by position. The others are left to Pillow."""
    channels, height, width = shape
    found = {place: rows for place, data in enumerate(pictures) if (rows := _rows(data, channels, height, width))}
    if not found:
        return {}
    nothing = bytes(1 + channels * width)  # the row above the first one, as each picture has it to itself
    packed = zlib.compress(nothing.join(found.values()), 0)
    _, mode = COLOURS[channels]
    tall = Image.frombytes(mode, (width, (height + 1) * len(found) - 1), packed, "zip", mode, 0)
    planes = [plane.tobytes() for plane in tall.split()]
    size, step = height * width, (height + 1) * width
    return {place: b"".join(plane[at : at + size] for plane in planes)
            for place, at in zip(found, range(0, step * len(found), step), strict=True)}  # fmt: skip


def _rows(data: bytes, channels: int, height: int, width: int) -> bytes | None:
    """The unpacked image data of a plain PNG: for each row, its filter byte and its bytes."""
    head = _head(channels, height, width)
    at = len(head)
    if not (data.startswith(head) and data[at + 4 : at + 8] == BLOCK and data.endswith(END)):
        return None
    packed = data[at + 8 : -len(END) - 4]
    if int.from_bytes(data[at : at + 4], "big") != len(packed):
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
    """Signature and header: 8 bits a channel, not interlaced."""
    colour, _ = COLOURS[channels]
    header = b"IHDR" + struct.pack(">2I5B", width, height, 8, colour, 0, 0, 0)
    return SIGNATURE + struct.pack(">I", len(header) - 4) + header + struct.pack(">I", zlib.crc32(header))
