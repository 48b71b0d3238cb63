"""Decoding of cheap pictures in this process, to the format of the training data, and what follows for all pictures."""

import numpy as np
import torch
from numpy.typing import NDArray

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize
from app.datasets.images import codec
from app.datasets.images.codec import Background, Resize
from app.errors import Invalid
from app.learning.preprocessing import border
from app.messages import Fix
from app.serving.executor import INLINE_LIMITS

__all__ = ["Background", "decode_cheap", "inverted", "refused"]


def decode_cheap(
    pictures: list[bytes], shape: tuple[int, ...], resize: Resize | None, background: Background
) -> list[bytes | NoPicture]:
    """Pixels (C, H, W) as bytes for each picture, or its refusal, exactly as for a dataset.

    Raises TooManyPixels if a picture is not cheap.
    """
    most = INLINE_LIMITS["pixels"] // len(pictures)
    return [_decoded(picture, shape, resize, background, most) for picture in pictures]


def _decoded(
    data: bytes, shape: tuple[int, ...], resize: Resize | None, background: Background, most: int
) -> bytes | NoPicture:
    try:
        return codec.decode(data, shape, resize, background, most)
    except TooManyPixels:
        raise
    except NoPicture as error:
        return error


def refused(error: NoPicture, shape: tuple[int, ...]) -> Invalid:
    """The refusal of a request with such a picture."""
    if isinstance(error, WrongSize):
        height, width = shape[1:]
        wanted = {"wanted_width": width, "wanted_height": height}
        return Invalid("picture_size_differs", None, Fix("fit", True), **error.message.params, **wanted)
    return Invalid.because(error)


def inverted(picture: NDArray[np.uint8], trained_border: float) -> bool:
    """True if a (1, H, W) picture looks like the negative of the training pictures, judged by its border."""
    own = float(border(torch.from_numpy(picture)[None]))
    return abs(255 - own - trained_border) < abs(own - trained_border)
