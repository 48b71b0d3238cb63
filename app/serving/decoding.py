"""Decoding of pictures to the format of the training data."""

from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize
from app.datasets.images import codec
from app.datasets.images.codec import Background, Resize
from app.errors import Invalid, TooLarge
from app.learning.preprocessing import border
from app.messages import Fix

__all__ = ["Background", "count_pixels", "decode", "inverted"]

MAX_PIXELS = 100_000_000  # in all pictures of a request


def count_pixels(bodies: list[bytes]) -> int:
    """Number of pixels of all pictures, from their headers. Files that are not pictures count as 0; `decode` refuses
    them.

    Raises TooLarge above MAX_PIXELS.
    """
    count = 0
    for body in bodies:
        with suppress(NoPicture):
            count += codec.count_pixels(body)
    if count > MAX_PIXELS:
        raise TooLarge("pictures_too_large", pixels=count, limit=MAX_PIXELS)
    return count


def decode(
    data: bytes,
    shape: tuple[int, ...],
    resize: Resize | None = None,
    background: Background = "white",
    most: int = codec.MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Decode a picture to uint8 of `shape`, (C, H, W), exactly as for a dataset. Raises Invalid, and TooManyPixels if
    it has more than `most` pixels."""
    height, width = shape[1:]
    try:
        decoded = codec.decode(data, shape, resize, background, most)
    except TooManyPixels:
        raise
    except WrongSize as error:
        wanted = {"wanted_width": width, "wanted_height": height}
        raise Invalid("picture_size_differs", None, Fix("fit", True), **error.message.params, **wanted) from error
    except NoPicture as error:
        raise Invalid.because(error) from error
    return np.frombuffer(bytearray(decoded), np.uint8).reshape(shape)  # a bytearray makes the array writable


def inverted(picture: NDArray[np.uint8], trained_border: float) -> bool:
    """True if a (1, H, W) picture looks like the negative of the training pictures, judged by its border."""
    own = float(border(torch.from_numpy(picture)[None]))
    return abs(255 - own - trained_border) < abs(own - trained_border)
