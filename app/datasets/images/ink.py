"""Cropping of a photo to its ink: what stands out from the ground, such as a letter on a sheet of paper.

The ground is estimated as a smooth surface, since light is seldom even, and subtracted. What differs clearly from it is
ink; specks are left out. The ink's box with a margin becomes the picture, and the ground one plain colour.
"""

from typing import TYPE_CHECKING, Any

from PIL import Image

from app.datasets.errors import NoPicture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORKING_SIDE = 192  # pixels of the longer side on which the ink is searched
MOST_SIDE = 2048  # pixels of the longer side from which the ink is cut: enough for every input, little memory
CONTRAST = 24.0  # gray levels that ink differs from its ground at least
OVER_NOISE = 6.0  # times the noise of the ground that ink differs at least
CLEARLY = 0.45  # of the greatest difference, from which a pixel is ink
SPECK = 0.02  # of the largest piece of ink; smaller pieces are dirt
MOST_INK = 0.6  # of the picture; more is no drawing on a ground
ROUNDS = 4  # of the fit of the ground


def cropped_to_ink(picture: Image.Image, margin: float, proportion: float) -> Image.Image:
    """The ink of a picture (`L` or `RGB`) in the middle of a ground of `proportion` (width by height).

    margin: on each side, as a fraction of the ink's longer side. A gray picture gets an even ground: white under dark
    ink, black under light ink. Raises NoPicture if nothing stands out.
    """
    import numpy as np  # only photos need it; a decoder process starts without

    picture = _reduced(picture, MOST_SIDE)
    gray = picture.convert("L")
    small = _reduced(gray, WORKING_SIDE)
    pixels = np.asarray(small, np.float64)
    ground = _ground(pixels)
    ink = _ink(pixels - ground)
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    scale_x, scale_y = gray.width / small.width, gray.height / small.height
    left, right = columns[0] * scale_x, (columns[-1] + 1) * scale_x
    top, bottom = rows[0] * scale_y, (rows[-1] + 1) * scale_y
    side = max(right - left, (bottom - top) * proportion) * (1 + 2 * margin)
    box = _box((left + right) / 2, (top + bottom) / 2, side, side / proportion)
    if picture.mode != "L":
        return _cut(picture, box, _ground_colour(picture, ink, small.size))
    level = Image.fromarray(ground.clip(0, 255).astype(np.uint8)).resize(gray.size, Image.Resampling.BICUBIC)
    difference = np.asarray(gray, np.float64) - np.asarray(level, np.float64)
    inside = (pixels - ground)[ink]
    is_light = bool(np.median(inside) > 0)
    height = float(np.percentile(np.abs(inside), 75))
    drawn = ((difference if is_light else -difference) / height).clip(0, 1)
    quiet = np.where(drawn < CLEARLY / 2, 0.0, drawn)  # paper is not smooth
    even = (255 * (quiet if is_light else 1 - quiet)).round().astype(np.uint8)
    return _cut(Image.fromarray(even), box, 0 if is_light else 255)


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    """The picture with a longer side of at most `side` pixels."""
    factor = max(picture.size) / side
    if factor <= 1:
        return picture
    size = max(1, round(picture.width / factor)), max(1, round(picture.height / factor))
    return picture.resize(size, Image.Resampling.BOX)


def _ground(pixels: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """A surface a + bx + cy + dxy + ex² + fy² through the pixels that are ground: outliers lose their weight."""
    import numpy as np

    height, width = pixels.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x**2, y**2], -1).reshape(-1, 6)
    values = pixels.ravel()
    kept = np.abs(values - np.median(values)) <= 3 * _spread(values - np.median(values)) + 10
    surface = np.full(len(values), np.median(values))
    for _ in range(ROUNDS):
        if kept.sum() < 6:
            break
        surface = terms @ np.linalg.lstsq(terms[kept], values[kept], rcond=None)[0]
        kept = np.abs(values - surface) <= 3 * _spread((values - surface)[kept]) + 2
    return surface.reshape(pixels.shape)


def _spread(values: Any) -> float:
    """Robust standard deviation: 1.4826 times the median distance from the median."""
    import numpy as np

    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _ink(difference: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """True where ink is, without specks. Raises NoPicture."""
    import numpy as np

    noise, strongest = _spread(difference), float(np.percentile(np.abs(difference), 99.8))
    sign = 1.0 if np.abs(np.percentile(difference, 99.8)) >= np.abs(np.percentile(difference, 0.2)) else -1.0
    ink = sign * difference >= max(CONTRAST, OVER_NOISE * noise, CLEARLY * strongest)
    if not ink.any() or ink.mean() > MOST_INK:
        raise NoPicture("nothing_stands_out")
    pieces = _pieces(ink)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    kept: NDArray[np.bool_] = (sizes >= SPECK * sizes.max())[pieces]
    return kept


def _pieces(ink: "NDArray[np.bool_]") -> "NDArray[np.int64]":
    """Number of the connected piece of each pixel; 0 for the ground. Neighbours take the smaller number until none
    changes."""
    import numpy as np

    numbers = np.where(ink, np.arange(1, ink.size + 1).reshape(ink.shape), 0)
    while True:
        padded = np.pad(np.where(ink, numbers, ink.size + 1), 1, constant_values=ink.size + 1)
        height, width = ink.shape
        around = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
        smallest = np.where(ink, np.minimum.reduce(around), 0)
        smallest = np.where(ink, smallest.ravel()[np.maximum(smallest, 1) - 1], 0)  # jump to the neighbour's own
        if (smallest == numbers).all():
            return numbers
        numbers = smallest


def _box(x: float, y: float, width: float, height: float) -> tuple[int, int, int, int]:
    return round(x - width / 2), round(y - height / 2), round(x + width / 2), round(y + height / 2)


def _cut(picture: Image.Image, box: tuple[int, int, int, int], ground: Any) -> Image.Image:
    """The part of a picture in a box, which may reach beyond it: there is ground."""
    left, top, right, bottom = box
    cut = Image.new(picture.mode, (max(1, right - left), max(1, bottom - top)), ground)
    cut.paste(picture, (-left, -top))
    return cut


def _ground_colour(picture: Image.Image, ink: "NDArray[np.bool_]", size: tuple[int, int]) -> tuple[int, ...]:
    import numpy as np

    colours = np.asarray(picture.resize(size, Image.Resampling.BOX))[~ink]
    return tuple(int(value) for value in np.median(colours, 0))
