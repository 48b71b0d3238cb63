"""The network that the other servers serve: TorchScript, so that they need nothing of Antigrad's."""

import io
import os

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

torch.set_num_threads(1)


def network() -> torch.jit.ScriptModule:
    """From pictures (N, 1, height, width) of values from 0 to 255 to probabilities (N, classes)."""
    return torch.jit.load(os.environ["NETWORK"])


def pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """A gray picture as (1, height, width)."""
    return np.asarray(picture.convert("L"))[None]


def decoded(content: bytes) -> NDArray[np.uint8]:
    return pixels(Image.open(io.BytesIO(content)))


def labels(probabilities: torch.Tensor) -> list[dict[str, float]]:
    """The best class of each picture, and its probability."""
    best, places = probabilities.max(1)
    pairs = zip(places.tolist(), best.tolist(), strict=True)
    return [{"label": place, "probability": probability} for place, probability in pairs]
