"""Photos are cut to what stands out from their ground."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.datasets.errors import NoPicture
from app.datasets.images.codec import decode
from app.datasets.images.picture_format import PictureFormat
from tests.support.archives import zipped
from tests.support.imports import imported
from tests.support.photos import SIZE, photo

GRAY = PictureFormat((1, 28, 28), "fit", margin=0.0)
RAMP = np.linspace(90, 200, SIZE[0] * SIZE[1]).reshape(SIZE[1], SIZE[0])
CHANCE = np.random.default_rng(0)


def ink(data: bytes, wanted: PictureFormat = GRAY) -> NDArray[np.float64]:
    """The cropped photo, with its ink as 1 and its ground as 0."""
    pixels = np.frombuffer(decode(data, wanted).pixels, np.uint8).reshape(wanted.shape[1:]).astype(float) / 255
    return 1 - pixels if pixels[0, 0] > 0.5 else pixels


def sides(drawn: NDArray[np.float64]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((drawn > 0.5).any(1)), np.flatnonzero((drawn > 0.5).any(0))
    return rows[0], drawn.shape[0] - 1 - rows[-1], columns[0], drawn.shape[1] - 1 - columns[-1]


def encoded(pixels: NDArray[np.float64], format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize("letter", "ABCDEFGHIJ")
@pytest.mark.parametrize("seed", [0, 1])  # light ink and dark ink
def test_a_letter_fills_the_picture_in_its_middle_on_an_even_ground(letter: str, seed: int) -> None:
    drawn = ink(photo(letter, seed))
    top, bottom, left, right = sides(drawn)
    assert min(top, left) <= 1 and abs(top - bottom) <= 1 and abs(left - right) <= 1
    assert ((drawn < 0.1) | (drawn > 0.2)).mean() > 0.9 and 0.05 < drawn.mean() < 0.7


def test_the_margin_is_a_share_of_the_longer_side() -> None:
    without, around = (sides(ink(photo("H", 3), PictureFormat((1, 56, 56), "fit", margin=m))) for m in (0.0, 0.25))
    assert min(without) <= 2 and 8 <= min(around) <= 11  # 56 · 0.25 / 1.5 is 9.3


def test_specks_are_no_ink() -> None:
    pixels = np.full((480, 640), 220.0)
    pixels[200:300, 300:360] = 30
    alone = ink(encoded(pixels))
    for row, column in CHANCE.integers(0, 470, (30, 2)):
        pixels[row : row + 3, column : column + 3] = 30
    np.testing.assert_allclose(ink(encoded(pixels)), alone, atol=0.2)


@pytest.mark.parametrize(
    "pixels",
    [np.full((480, 640), 128.0), np.zeros((28, 28)), RAMP, CHANCE.normal(128, 12, (480, 640)), RAMP.T * 0.7, np.eye(1)],
    ids=["even", "black", "ramp", "noise", "other ramp", "one pixel"],
)
def test_where_nothing_stands_out_it_is_said(pixels: NDArray[np.float64]) -> None:
    with pytest.raises(NoPicture, match="nothing in the picture stands out"):
        decode(encoded(pixels), GRAY)


def test_colours_stay() -> None:
    pixels = np.full((480, 640, 3), [40.0, 60, 90])
    pixels[100:300, 200:400] = [250, 200, 20]
    cut = np.frombuffer(decode(encoded(pixels), PictureFormat((3, 28, 28), "fit", margin=0.5)).pixels, np.uint8)
    cut = cut.reshape(3, 28, 28)
    assert cut[:, 14, 14].tolist() == [250, 200, 20] and cut[:, 0, 0].tolist() == [40, 60, 90]


def test_an_upload_of_photos_is_cut_too(tmp_path: Path) -> None:
    files = {f"{letter}/{seed}.jpg": photo(letter, seed) for letter in "AH" for seed in (0, 2)}
    found = imported(tmp_path, zipped(files), crop="ink").arrays
    assert found.shape == (1, 28, 28) and (found.inputs.reshape(4, -1).max(1) > 200).all()
    assert (found.inputs[:, 0, 0, :] < 30).all()  # a margin of light ink
