"""Previews of pictures: a single one as a PNG, and a grid with labels."""

import io
from bisect import bisect_right
from collections.abc import Set
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from app.datasets.arrays import Arrays
from app.datasets.images.codec import MODES
from app.datasets.splits import Indices
from app.datasets.statistics import class_means, mean_of

ENLARGED = 84  # small pictures are enlarged by a whole factor, up to this many pixels on the longer side
MARGIN, LABEL = 8, 18
CLASSES_DRAWN, COLUMNS = 100, 12  # in the grid of mean pictures


@cache
def _font() -> tuple[ImageFont.FreeTypeFont, Set[int]]:
    """DejaVu Sans, 12 pixels, and the code points it has: Latin, Greek, Cyrillic and more."""
    import matplotlib  # takes half a second to load; needed for its font
    from matplotlib.ft2font import FT2Font

    path = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(path, 12), FT2Font(str(path)).get_charmap().keys()


def image_png(image: NDArray[np.uint8]) -> bytes:
    """Encode a (C, H, W) picture as a PNG of the same size, gray or in colour."""
    return _png(_picture(image))


def preview_png(images: NDArray[np.uint8], labels: list[str], rows: int, columns: int) -> bytes:
    """Draw up to rows × columns of the (N, C, H, W) pictures, enlarged if small, each below a label like "A (0)"."""
    scale = max(1, ENLARGED // max(images.shape[2:]))
    height, width = (side * scale for side in images.shape[2:])
    cell_width, cell_height = width + MARGIN, height + LABEL + MARGIN
    size = columns * cell_width + MARGIN, rows * cell_height + MARGIN
    sheet = Image.new(MODES[images.shape[1]], size, "white")
    draw, (font, _) = ImageDraw.Draw(sheet), _font()
    for place, (image, label) in enumerate(zip(images[: rows * columns], labels, strict=False)):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * cell_width, MARGIN + row * cell_height
        draw.text((left + width / 2, top), _fitted(label, width), fill="black", anchor="ma", font=font)
        sheet.paste(_picture(image).resize((width, height), Image.Resampling.NEAREST), (left, top + LABEL))
    return _png(sheet)


def means_png(arrays: Arrays, indices: Indices) -> bytes:
    """Draw the mean of the pictures at `indices`, each pixel's standard deviation (times two), and the means of the
    first 100 classes."""
    whole = mean_of(arrays, indices)
    shown = {"all": whole.mean, "spread": 2 * whole.spread}
    means = islice(class_means(arrays, indices), CLASSES_DRAWN)
    shown |= {f"{label} ({place})": mean.mean for place, (label, mean) in enumerate(means)}
    pictures = np.stack([picture.clip(0, 255).astype(np.uint8) for picture in shown.values()])
    columns = min(COLUMNS, len(shown))
    return preview_png(pictures, list(shown), -(-len(shown) // columns), columns)


def _fitted(label: str, width: int) -> str:
    """The label, shortened in the middle if it is wider than `width`: its index, and often the difference between long
    names, are at the end. Letters that the font lacks, such as Japanese ones, become question marks."""
    font, drawn = _font()
    letters = "".join(letter if ord(letter) in drawn else "?" for letter in label)

    def cut(kept: int) -> str:
        return letters[: -(-kept // 2)] + "…" + letters[len(letters) - kept // 2 :]

    if font.getlength(letters) <= width:
        return letters
    fitting = bisect_right(range(len(letters)), float(width), key=lambda kept: font.getlength(cut(kept)))
    return cut(fitting - 1) if fitting else ""


def _picture(image: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0))


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
