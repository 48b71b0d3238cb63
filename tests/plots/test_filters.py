"""Pictures of the weights of a first layer."""

import io
from math import prod

import numpy as np
import pytest
import torch
from PIL import Image

from app.errors import NotFound
from app.learning.layers import Layer, Linear
from app.learning.layers.convolution import Conv2d
from app.learning.layers.structure import Flatten
from app.plots.filters import GAP, SIDE, filters_png
from tests.support.trained import untrained


def drawn(layers: list[Layer], shape: tuple[int, ...], weights: torch.Tensor) -> np.ndarray:
    trained = untrained(layers, shape)
    first = next(p for p in trained.model.parameters() if p.dim() > 1)
    first.data = weights
    return np.asarray(Image.open(io.BytesIO(filters_png(trained))).convert("RGBA"))


def test_a_bright_pixel_that_speaks_for_a_unit_is_orange() -> None:
    shape = (1, 2, 2)
    picture = drawn([Linear(units=3)], shape, torch.tensor([[1.0, 0, -1, 0.5], [0, 0, 0, 0], [0, 0, 0, 1]]))
    size = SIDE // 2
    for (row, column), expected in {(0, 0): (213, 94, 0), (0, 1): (255, 255, 255), (1, 0): (0, 114, 178)}.items():
        assert tuple(picture[row * size, column * size, :3]) == expected
    assert tuple(picture[0, 2 * size]) == (0, 0, 0, 0), "the gap is transparent"
    assert picture.shape[1] == 3 * (SIDE + GAP) - GAP


def test_weights_of_three_channels_are_colours() -> None:
    weights = torch.zeros(2, 3, 1, 1)
    weights[0, 0] = 1.0
    picture = drawn([Conv2d(channels=2, kernel_size=1), Flatten(), Linear(units=3)], (3, 4, 4), weights)
    assert tuple(picture[0, 0, :3]) == (255, 128, 128)


def test_other_inputs_have_no_picture() -> None:
    for layers, shape in (([Linear(units=3)], (4,)), ([Linear(units=3)], (2, 2))):
        assert prod(shape) == 4
        with pytest.raises(NotFound):
            filters_png(untrained(layers, shape))
