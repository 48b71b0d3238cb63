"""Pictures with 16 bits a channel, of which only some are used."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from app.datasets.images.codec import decode
from app.datasets.images.depth import NEARLY_BLACK, DepthSurvey
from app.datasets.images.picture_format import PictureFormat
from tests.support.archives import zipped
from tests.support.imports import codes_of, imported, said_of, warnings_of

SHAPE = (1, 28, 28)
LETTER = (np.random.default_rng(3).random((28, 28)) > 0.5).astype(np.uint16)


def deep(bits: int, format: str = "PNG", values: NDArray[np.uint16] = LETTER) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values * np.uint16(2**bits - 1)).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_pictures_of_fewer_bits_are_said_to_be_nearly_black(tmp_path: Path, bits: int, format: str) -> None:
    files = {f"{name}/{n}.x": deep(bits, format, LETTER ^ n) for name in "AB" for n in (0, 1)}
    dark = imported(tmp_path, zipped(files))
    assert f"no value above {2**bits - 1:,} of 65,535" in said_of(dark)[0] and f"depth={bits}" in warnings_of(dark)[0]
    bright = imported(tmp_path, zipped(files), depth=bits)
    assert codes_of(bright) == []
    np.testing.assert_array_equal(bright.arrays.inputs[0, 0], LETTER * 255)


@given(st.lists(st.integers(1, NEARLY_BLACK - 1), min_size=1), st.lists(st.integers(NEARLY_BLACK, 65_535)))
def test_dark_pictures_are_said_while_they_are_most(dark: list[int], bright: list[int]) -> None:
    survey = DepthSurvey()
    for greatest in (*bright, *dark, 0, 0):  # and pictures of 8 bits
        survey.see(greatest)
    said = [remark.text() for remark in survey.remarks(16)]
    who = f"{len(dark)} of {len(dark) + len(bright)}" if bright else "the"
    sentence = f"{who} 16-bit pictures use no value above {max(dark):,} of 65,535, so they are nearly black"
    assert said == ([sentence] if len(dark) > len(bright) else [])


def test_a_hot_pixel_in_one_picture_does_not_hide_that_all_are_dark(tmp_path: Path) -> None:
    hot = LETTER * np.uint16(1023)
    hot[3, 4] = 65_535
    files = {f"{name}/{n}.png": deep(10, values=LETTER ^ n) for name in "AB" for n in (0, 1)}
    found = imported(tmp_path, zipped(files | {"A/hot.png": deep(1, values=hot)}))
    assert codes_of(found) == ["pictures_nearly_black"] and "depth=10" in warnings_of(found)[0]


def test_pictures_that_use_all_bits_are_as_they_were(tmp_path: Path) -> None:
    files = {f"{name}/{n}.png": deep(16, values=LETTER ^ n) for name in "AB" for n in (0, 1)}
    found = imported(tmp_path, zipped(files))
    assert codes_of(found) == []
    np.testing.assert_array_equal(found.arrays.inputs[0, 0], LETTER * 255)


def test_what_is_above_white_is_white_and_eight_bits_stay() -> None:
    assert decode(deep(16), PictureFormat(SHAPE, depth=12)).pixels == (LETTER * 255).astype(np.uint8).tobytes()
    file = io.BytesIO()
    Image.fromarray(np.repeat((LETTER * 255).astype(np.uint8)[..., None], 3, 2)).save(file, "PNG")
    eight_bits = decode(file.getvalue(), PictureFormat((3, 28, 28), depth=12))
    assert eight_bits.greatest == 0 and eight_bits.pixels == (LETTER * 255).astype(np.uint8).tobytes() * 3
