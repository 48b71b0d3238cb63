"""From the bytes of a picture to gray pixels: hostile until checked, never converted in silence."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
MAX_PIXELS = 25_000_000
ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF: how the camera was held
Background = Literal["white", "black"]


def count_pixels(data: bytes) -> int:
    """How many pixels a picture says that it has; it is not decoded. Raises NoPicture."""
    with _opened(data) as picture:
        return picture.width * picture.height


def decode(
    data: bytes,
    height: int,
    width: int,
    fit: bool = False,
    background: Background = "white",
    most: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """A picture as uint8 (1, height, width), upright as EXIF says.

    A gray picture of that size is taken as it is, another mode at that size is made gray; another size is refused,
    or with `fit` scaled and padded with `background`. Transparency lies over `background`. Raises NoPicture,
    WrongSize where `fit` would help, and TooManyPixels over `most`.
    """
    with _opened(data) as opened:
        if opened.width * opened.height > most:
            raise TooManyPixels(f"the picture is {opened.width}×{opened.height}")
        opened.load()  # with which Pillow turns a TIFF by itself
        turned = opened.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT
        picture: Image.Image = ImageOps.exif_transpose(opened) if turned else opened
        if picture.size != (width, height) and not fit:
            raise WrongSize(*picture.size)
        if picture.mode != "L":
            picture = gray(picture, background)
        if picture.size != (width, height):
            picture = ImageOps.pad(picture, (width, height), color=255 if background == "white" else 0)
        return np.array(picture)[None]


def gray(picture: Image.Image, background: Background) -> Image.Image:
    """Any mode as gray, transparency over `background`; 16-bit values are scaled to 8.

    Raises NoPicture for 32-bit numbers: nothing says which of them is white.
    """
    if picture.mode in ("I", "F"):
        kind = "integers" if picture.mode == "I" else "floating-point numbers"
        raise NoPicture(f"the pixels are 32-bit {kind}, and nothing says which is white; save it with 8 or 16 bits")
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, background)
        picture = Image.alpha_composite(under, picture)
    return picture.convert("L")


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """The picture, of which only the header has been read. Whatever Pillow raises in the block is a NoPicture."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                size = f"{picture.width}×{picture.height}"
                raise NoPicture(f"the picture has {size} pixels; at most {MAX_PIXELS:,} pixels are read")
            yield picture
    except NoPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture(f"the picture is far too large; at most {MAX_PIXELS:,} pixels are read") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on broken files
        said = "" if "BytesIO" in str(error) else f": {error}"  # "cannot identify <_io.BytesIO object at …>"
        raise NoPicture(f"this is no readable picture ({', '.join(FORMATS)} are read){said}") from error
