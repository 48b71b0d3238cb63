"""Saliency drawn on its picture: red pixels speak for the class, blue ones against it."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ENLARGED = 336  # pixels of the longer side that a small picture may be enlarged to, by a whole factor
STRONG = 99  # percentile of |saliency| that has the full colour, so that one pixel does not hide the others
FADED = 0.3  # contrast of the picture below
FOR, AGAINST = (214.0, 39.0, 40.0), (31.0, 119.0, 180.0)


def saliency_png(picture: NDArray[np.uint8], saliency: NDArray[np.float32]) -> bytes:
    """Draw the saliency (C, H, W) of a picture (C, H, W) on a faded gray copy of it, as a PNG."""
    gray = 255 - FADED * (255 - picture.mean(0))
    total = saliency.sum(0)
    strength = np.clip(np.abs(total) / (np.percentile(np.abs(total), STRONG) or 1.0), 0, 1)[..., None]
    colour = np.where(total[..., None] > 0, FOR, AGAINST)
    mixed = (1 - strength) * gray[..., None] + strength * colour
    height, width = total.shape
    scale = max(1, ENLARGED // max(height, width))
    image = Image.fromarray(mixed.round().astype(np.uint8))
    file = io.BytesIO()
    image.resize((width * scale, height * scale), Image.Resampling.NEAREST).save(file, "PNG")
    return file.getvalue()
