"""From the bytes of a picture to what a network was trained on: hostile until checked, never converted in silence."""

import io
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from app.errors import Invalid

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
MAX_PIXELS = 25_000_000
Background = Literal["white", "black"]


def decode(
    data: bytes, shape: tuple[int, ...], fit: bool = False, background: Background = "white"
) -> NDArray[np.uint8]:
    """A picture as uint8 of `shape`, (1, H, W).

    A gray picture of that size is taken as it is, another mode at that size is made gray; another size is refused,
    or with `fit` turned upright (EXIF), scaled and padded with `background`. Transparency lies over `background`.
    Raises Invalid.
    """
    height, width = shape[1:]
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise Invalid(f"the picture has {opened.width}×{opened.height} pixels; at most {MAX_PIXELS:,} are read")
            if opened.size != (width, height) and not fit:
                raise Invalid(
                    f"the picture is {opened.width}×{opened.height}, the run was trained on {width}×{height}; "
                    "send that size, or add ?fit=true to have it converted"
                )
            opened.load()
            picture: Image.Image = opened
            if fit:
                picture = ImageOps.exif_transpose(picture)
            if picture.mode != "L":
                picture = gray(picture, background)
            if picture.size != (width, height):
                picture = ImageOps.pad(picture, (width, height), color=255 if background == "white" else 0)
            return np.array(picture)[None]
    except Invalid:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Invalid(f"the picture is far too large; at most {MAX_PIXELS:,} pixels are read") from error
    except Exception as error:  # Pillow's decoders raise nearly anything on broken files
        raise Invalid(f"this is no readable picture ({', '.join(FORMATS)} are read): {error}") from error


def gray(picture: Image.Image, background: Background) -> Image.Image:
    """Any mode as gray, transparency over `background`; 16-bit values are scaled to 8."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, background)
        picture = Image.alpha_composite(under, picture)
    return picture.convert("L")
