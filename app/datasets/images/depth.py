"""Pictures with 16 bits a channel, of which cameras and scanners often use only 10 or 12."""

from typing import TYPE_CHECKING

from PIL import Image

from app.messages import Message

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PNG, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24  # a PNG's first bytes, and the place of its bits a channel
NEARLY_BLACK = 2**14  # no value reaches a quarter of white


def greatest_of_16_bits(picture: Image.Image, data: bytes) -> int:
    """Greatest value of a picture with 16 bits a channel, at least 1; 0 for another picture.

    Pillow keeps 16 bits of gray pictures only; of others, the upper 8.
    """
    if picture.mode.startswith("I;16"):
        return max(1, int(_numbers(picture).max()))
    if data.startswith(PNG) and data[PNG_DEPTH : PNG_DEPTH + 1] == b"\x10":
        return max(max(band.tobytes()) for band in picture.split()[:3]) << 8 | 255
    return 0


def with_8_bits(picture: Image.Image, depth: int) -> Image.Image:
    """A picture with 16 bits a channel as one of 8 bits; 2**depth − 1 is white, and so is everything above."""
    if picture.mode.startswith("I;16"):
        values = (_numbers(picture) >> (depth - 8)).clip(0, 255).astype("u1")
        return Image.frombytes("L", picture.size, values.tobytes())
    if depth == 16:
        return picture
    colours = len(picture.getbands()) - ("A" in picture.getbands())
    brighter = [min(255, value << (16 - depth)) for value in range(256)]
    same = list(range(256))
    return picture.point(brighter * colours + same * (len(picture.getbands()) - colours))


def _numbers(picture: Image.Image) -> "NDArray[np.uint16]":
    import numpy as np  # only such pictures need it; a decoder process starts without

    return np.frombuffer(picture.tobytes(), ">u2" if picture.mode == "I;16B" else "<u2")


class DepthSurvey:
    """The 16-bit pictures of an upload: how many there are, and how many of them are nearly black.

    greatest: the greatest value of those.
    """

    def __init__(self) -> None:
        self.pictures = self.dark = self.greatest = 0

    def see(self, greatest: int) -> None:
        """Count a picture by its greatest value; 0 if it has no 16 bits."""
        self.pictures += greatest > 0
        if 0 < greatest < NEARLY_BLACK:
            self.dark += 1
            self.greatest = max(self.greatest, greatest)

    def remarks(self, depth: int) -> list[Message]:
        """A remark if most pictures are nearly black at this depth. A few may have a hot pixel."""
        if depth < 16 or 2 * self.dark <= self.pictures:
            return []
        bits = max(8, self.greatest.bit_length())
        some = {"count": self.dark, "pictures": self.pictures} if self.dark < self.pictures else {}
        most = 2**bits - 1
        return [Message.of("pictures_nearly_black", **some, greatest=self.greatest, bits=bits, most=most)]
