"""Decoding of one picture. Its bytes are treated as hostile, and it is resized only on request."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, ImageOps

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize
from app.datasets.images.depth import greatest_of_16_bits, with_8_bits
from app.datasets.images.ink import cropped_to_ink
from app.datasets.images.picture_format import Background, PictureFormat, Resize

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")
MAX_PIXELS = 25_000_000
MOST_SCANS = 100  # of a JPEG: a progressive one has about 10, and each passes over the whole picture
ORIENTATION, UPRIGHT = 0x0112, 1  # EXIF: how the camera was held
MODES = {1: "L", 3: "RGB"}  # by channels


def count_pixels(data: bytes) -> int:
    """Number of pixels that the header of an image declares, without decoding. Raises NoPicture."""
    with _opened(data) as picture:
        return picture.width * picture.height


def scans(data: bytes) -> int:
    """Number of scans of a JPEG; 1 for other formats. The marker cannot occur within the compressed data."""
    return max(1, data.count(b"\xff\xda")) if data.startswith(b"\xff\xd8") else 1


class Decoded(NamedTuple):
    """Pixels (C, H, W) as bytes, and the greatest value of a picture with 16 bits a channel; 0 for other pictures."""

    pixels: bytes
    greatest: int = 0


def decode(data: bytes, wanted: PictureFormat, most: int | None = None) -> Decoded:
    """Decode a picture, upright according to EXIF.

    Raises NoPicture; WrongSize if a resize would help; TooManyPixels if it has more than `most` pixels, counted again
    for each scan.
    """
    channels, height, width = wanted.shape
    mode, size = MODES[channels], (width, height)
    with _opened(data) as opened:
        if most is not None and opened.width * opened.height * scans(data) > most:
            raise TooManyPixels("picture_size", width=opened.width, height=opened.height)
        opened.load()  # while loading, Pillow rotates a TIFF by itself
        turned = opened.getexif().get(ORIENTATION, UPRIGHT) != UPRIGHT
        picture: Image.Image = ImageOps.exif_transpose(opened) if turned else opened
        if picture.size != size and wanted.resize is None:
            raise WrongSize("picture_size", width=picture.size[0], height=picture.size[1])
        greatest = greatest_of_16_bits(picture, data)
        if greatest:
            picture = with_8_bits(picture, wanted.depth)
        if picture.mode != mode:
            picture = converted(picture, mode, wanted.background)
        if wanted.margin is not None:
            picture = cropped_to_ink(picture, wanted.margin, width / height)
        if picture.size != size:
            picture = _resized(picture, size, wanted.resize, wanted.background)
        pixels = picture.tobytes() if channels == 1 else b"".join(channel.tobytes() for channel in picture.split())
        return Decoded(pixels, greatest)


def _resized(picture: Image.Image, size: tuple[int, int], resize: Resize | None, background: Background) -> Image.Image:
    match resize:
        case "stretch":
            return picture.resize(size, Image.Resampling.BICUBIC)
        case "fill":
            return ImageOps.fit(picture, size)
        case _:
            return ImageOps.pad(picture, size, color=background)


def converted(picture: Image.Image, mode: str, background: Background) -> Image.Image:
    """Convert any mode of 8 bits to `L` or `RGB`, with transparency over `background`.

    Raises NoPicture for 32-bit numbers, since it is unknown which of them is white.
    """
    if picture.mode in ("I", "F"):
        kind = "integers" if picture.mode == "I" else "floating-point numbers"
        raise NoPicture("picture_32_bit", kind=kind)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        under = Image.new("RGBA", picture.size, background)
        picture = Image.alpha_composite(under, picture)
    return picture.convert(mode)


@contextmanager
def _opened(data: bytes) -> Iterator[Image.Image]:
    """Open a picture and read only its header. Any error of Pillow within the block becomes NoPicture."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                size = {"width": picture.width, "height": picture.height}
                raise NoPicture("picture_too_large", **size, limit=MAX_PIXELS)
            if scans(data) > MOST_SCANS:
                raise NoPicture("picture_has_too_many_scans", scans=scans(data), limit=MOST_SCANS)
            yield picture
    except NoPicture:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise NoPicture("picture_too_large", width=None, height=None, limit=MAX_PIXELS) from error
    except MemoryError as error:
        raise NoPicture("picture_takes_too_much_memory") from error
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        reason = None if "BytesIO" in str(error) else str(error)  # "cannot identify <_io.BytesIO object at …>"
        raise NoPicture("picture_unreadable", formats=FORMATS, reason=reason) from error
