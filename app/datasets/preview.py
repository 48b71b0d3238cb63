"""Looking at pictures: one as a PNG, and a grid of them under their labels."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SCALE = 3
MARGIN, LABEL = 8, 18


def image_png(image: NDArray[np.uint8]) -> bytes:
    """A (1, H, W) picture as a gray PNG of its own size."""
    return _png(Image.fromarray(image[0]))


def preview_png(images: NDArray[np.uint8], labels: list[str], rows: int, columns: int) -> bytes:
    """Up to rows × columns of the (N, 1, H, W) pictures, enlarged, each under its label, such as "A (0)"."""
    height, width = (side * SCALE for side in images.shape[2:])
    cell_width, cell_height = width + MARGIN, height + LABEL + MARGIN
    sheet = Image.new("L", (columns * cell_width + MARGIN, rows * cell_height + MARGIN), 255)
    draw = ImageDraw.Draw(sheet)
    for place, (image, label) in enumerate(zip(images[: rows * columns], labels, strict=False)):
        row, column = divmod(place, columns)
        left, top = MARGIN + column * cell_width, MARGIN + row * cell_height
        draw.text((left + width / 2, top), label, fill=0, anchor="ma", font_size=13)
        sheet.paste(Image.fromarray(image[0]).resize((width, height), Image.Resampling.NEAREST), (left, top + LABEL))
    return _png(sheet)


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
