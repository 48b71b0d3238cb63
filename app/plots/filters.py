"""Pictures of the weights of a network's first layer: what each of its units looks for."""

import io
from math import ceil, prod, sqrt

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.errors import NotFound
from app.learning.serialization import Trained

MOST = 64  # units that are drawn, the first ones
SIDE, GAP = 56, 4  # pixels: small filters are enlarged by a whole factor up to this size
NEGATIVE, ZERO, POSITIVE = (np.array(colour, float) for colour in ((0, 114, 178), (255, 255, 255), (213, 94, 0)))


def filters_png(trained: Trained) -> bytes:
    """Draw the first units' weights as a PNG, side by side, with one scale for all of them.

    Weights of one channel go from blue (negative) over white (0) to orange (positive). Those of three channels are
    colours, in which gray is 0. Of other numbers of channels, the mean is drawn. Raises NotFound.
    """
    weights = first_weights(trained)[:MOST]
    weights = weights / max(float(np.abs(weights).max()), 1e-12)
    tiles = _coloured(weights)
    scale = max(1, SIDE // max(tiles.shape[1:3]))
    tiles = tiles.repeat(scale, 1).repeat(scale, 2)
    count, height, width, _ = tiles.shape
    columns = min(count, ceil(sqrt(count * 2)))  # about twice as wide as high
    rows = -(-count // columns)
    sheet = np.zeros((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 4), np.uint8)  # transparent
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        top, left = row * (height + GAP), column * (width + GAP)
        sheet[top : top + height, left : left + width, :3] = tile
        sheet[top : top + height, left : left + width, 3] = 255
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG")
    return file.getvalue()


def first_weights(trained: Trained) -> NDArray[np.float64]:
    """Weights (units, C, H, W) of the first layer that has some. Raises NotFound if they are no pictures."""
    weights = next((p for p in trained.model.parameters() if p.dim() >= 2), None)
    if weights is not None and len(trained.input_shape) == 3:
        if weights.dim() == 4:
            return weights.detach().double().numpy()
        if weights.dim() == 2 and weights.shape[1] == prod(trained.input_shape):
            return weights.detach().double().reshape(-1, *trained.input_shape).numpy()
    raise NotFound("filters_are_no_pictures")


def _coloured(weights: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours (units, H, W, 3) of weights (units, C, H, W) from −1 to 1."""
    if weights.shape[1] == 3:
        return (127.5 + 127.5 * weights.transpose(0, 2, 3, 1)).round().astype(np.uint8)
    level = weights.mean(1)[..., None]
    ends = np.where(level < 0, NEGATIVE, POSITIVE)
    colours: NDArray[np.uint8] = (ZERO + np.abs(level) * (ends - ZERO)).round().astype(np.uint8)
    return colours
