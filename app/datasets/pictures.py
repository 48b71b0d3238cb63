"""From the bytes of a picture to gray pixels: hostile until checked, never converted in silence."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.datasets.errors import NoPicture, WrongSize

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
MAX_PIXELS = 25_000_000
Background = Literal["white", "black"]


def decode(
    data: bytes, height: int, width: int, fit: bool = False, background: Background = "white"
) -> NDArray[np.uint8]:
    """A picture as uint8 (1, height, width).

    A gray picture of that size is taken as it is, another mode at that size is made gray; another size is refused,
    or with `fit` turned upright (EXIF), scaled and padded with `background`. Transparency lies over `background`.
    Raises NoPicture, and WrongSize where `fit` would help.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                size = f"{opened.width}×{opened.height}"
                raise NoPicture(f"the picture has {size} pixels; at most {MAX_PIXELS:,} pixels are read")
            if opened.size != (width, height) and not fit:
                raise WrongSize(opened.width, opened.height)
            opened.load()
            picture: Image.Image = opened
            if fit:
                picture = ImageOps.exif_transpose(picture)
            if picture.mode != "L":
                picture = gray(picture, background)
            if picture.size != (width, height):
                picture = ImageOps.pad(picture, (width, height), color=255 if background == "white" else 0)
            return np.array(picture)[None]
    except NoPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture(f"the picture is far too large; at most {MAX_PIXELS:,} pixels are read") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on broken files
        said = "" if "BytesIO" in str(error) else f": {error}"  # "cannot identify <_io.BytesIO object at …>"
        raise NoPicture(f"this is no readable picture ({', '.join(FORMATS)} are read){said}") from error


def gray(picture: Image.Image, background: Background) -> Image.Image:
    """Any mode as gray, transparency over `background`; 16-bit values are scaled to 8."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, background)
        picture = Image.alpha_composite(under, picture)
    return picture.convert("L")
