"""The fast path for plain PNGs gives the pixels that Pillow gives, or leaves the picture to Pillow."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from app.datasets.errors import NoPicture
from app.datasets.images import codec
from app.datasets.images.picture_format import PictureFormat
from app.datasets.images.png import BLOCK, END, SIGNATURE, one_plain, plain

SHAPE = (1, 28, 28)
FORMAT = PictureFormat(SHAPE)

letters = arrays(np.uint8, SHAPE[1:], elements=st.sampled_from([0, 1, 128, 254, 255]) | st.integers(0, 255))
filters = st.lists(st.integers(0, 4), min_size=28, max_size=28)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: bytes, level: int = 6, header: bytes = struct.pack(">2I5B", 28, 28, 8, 0, 0, 0, 0)) -> bytes:
    return SIGNATURE + chunk(b"IHDR", header) + chunk(BLOCK, zlib.compress(rows, level)) + END


def by_pillow(data: bytes) -> bytes | None:
    with suppress(NoPicture):
        return codec.decode(data, FORMAT).pixels
    return None


@settings(max_examples=30)
@given(letters, filters, st.integers(0, 9))
def test_every_filter_gives_the_same_pixels(picture: NDArray[np.uint8], kinds: list[int], level: int) -> None:
    rows = b"".join(bytes([kind]) + row.tobytes() for kind, row in zip(kinds, picture, strict=True))
    data = png(rows, level)
    pixels = by_pillow(data)
    assert pixels is not None and one_plain(data, SHAPE) == pixels
    assert plain([data, data], SHAPE) == {0: pixels, 1: pixels}


@settings(max_examples=120)
@given(letters, st.data())
def test_damage_gives_the_same_pixels_or_is_left_to_pillow(picture: NDArray[np.uint8], data: st.DataObject) -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(["change", "drop", "insert", "cut"])):
            case "change":
                content[place] = data.draw(st.integers(0, 255))
            case "drop":
                del content[place]
            case "insert":
                content.insert(place, data.draw(st.integers(0, 255)))
            case _ if len(content) > 1 and place:
                del content[place:]
    damaged = bytes(content)
    pixels = one_plain(damaged, SHAPE)
    assert pixels is None or pixels == by_pillow(damaged)


@pytest.mark.parametrize(
    "header", [(27, 28, 8, 0), (28, 27, 8, 0), (28, 28, 16, 0), (28, 28, 4, 0), (28, 28, 8, 2), (28, 28, 8, 3)]
)
def test_other_sizes_and_modes_are_left_to_pillow(header: tuple[int, ...]) -> None:
    assert one_plain(png(bytes(29 * 28), header=struct.pack(">2I5B", *header, 0, 0, 0)), SHAPE) is None
    assert one_plain(png(bytes(29 * 28), header=struct.pack(">2I5B", 28, 28, 8, 0, 0, 0, 1)), SHAPE) is None


@pytest.mark.parametrize("rows", [1, 27, 28, 29, 40])
@pytest.mark.parametrize("kind", [0, 4, 5])
def test_missing_surplus_and_malformed_rows_are_read_as_pillow_reads_them(rows: int, kind: int) -> None:
    data = png((bytes([kind]) + bytes(range(28))) * rows)
    assert one_plain(data, SHAPE) == by_pillow(data)
