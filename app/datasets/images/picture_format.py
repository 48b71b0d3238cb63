"""The format to which pictures are decoded."""

import json
from dataclasses import asdict, dataclass
from math import prod
from typing import Literal

Background = Literal["white", "black"]
Resize = Literal["fit", "fill", "stretch"]  # whole with a margin, cropped, or distorted
Crop = Literal["ink"]

DEPTHS = range(8, 17)
MARGIN = 0.1  # of the longer side, around the ink, where the training pictures do not say


@dataclass(frozen=True)
class PictureFormat:
    """Pixels (C, H, W) of `shape`, gray for one channel and colour for three.

    resize: how a picture of another size is converted; None to refuse it.
    background: the colour behind transparent parts and in margins.
    depth: bits of a pixel in 16-bit pictures; 2**depth − 1 is white.
    margin: if given, pictures are cropped to their ink with this margin, as a fraction of the ink's longer side.
    """

    shape: tuple[int, ...]
    resize: Resize | None = None
    background: Background = "white"
    depth: int = 16
    margin: float | None = None

    @property
    def bytes(self) -> int:
        return prod(self.shape)

    def to_text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "PictureFormat":
        stored = json.loads(text)
        return cls(**{**stored, "shape": tuple(stored["shape"])})
