"""Saliency on its picture: red for the class, blue against it, gray elsewhere."""

import io

import numpy as np
import pytest
from PIL import Image

from app.plots.saliency import saliency_png


def drawn(picture: np.ndarray, saliency: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(saliency_png(picture, saliency)))).astype(int)


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_for_the_class_are_red_and_those_against_it_blue(channels: int) -> None:
    saliency = np.zeros((channels, 28, 28), np.float32)
    saliency[:, 3, 4], saliency[:, 20, 9] = 2.0, -2.0
    image = drawn(np.full((channels, 28, 28), 255, np.uint8), saliency)
    assert image.shape == (336, 336, 3)  # each pixel is a square of 12
    red, blue, between = image[3 * 12 + 6, 4 * 12 + 6], image[20 * 12 + 6, 9 * 12 + 6], image[120, 240]
    assert red[0] > red[2] + 100 and blue[2] > blue[0] + 100 and between.tolist() == [255, 255, 255]


def test_nothing_salient_leaves_the_picture() -> None:
    picture = np.arange(784, dtype=np.uint8).reshape(1, 28, 28)
    image = drawn(picture, np.zeros((1, 28, 28), np.float32))
    faded = np.round(255 - 0.3 * (255 - picture[0].astype(float)))
    assert all((image[::12, ::12, channel] == faded).all() for channel in range(3))
