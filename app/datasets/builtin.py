"""The datasets that come with Antigrad; the same bytes, and so the same checksum, on every machine."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits

from app.datasets.arrays import Arrays
from app.datasets.formats.idx import read_idx


@dataclass(frozen=True)
class Builtin:
    """A dataset by name."""

    name: str
    description: str
    source: str
    load: Callable[[], Arrays]


def _idx(name: str) -> NDArray[np.uint8]:
    packed = (files("app.datasets") / "data" / "notmnist" / name).read_bytes()
    return read_idx(io.BytesIO(gzip.decompress(packed)))


def _notmnist() -> Arrays:
    images = _idx("t10k-images-idx3-ubyte.gz")
    labels = _idx("t10k-labels-idx1-ubyte.gz")
    return Arrays(images[:, None].copy(), labels.astype(np.int64), classes=tuple("ABCDEFGHIJ"))


def _of_two() -> Arrays:
    letters = _notmnist()
    chosen = letters.targets < 2
    return Arrays(letters.inputs[chosen], letters.targets[chosen], classes=("A", "B"))


def _digits() -> Arrays:
    digits = load_digits()
    small = (digits.images * (255 / 16)).round().astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR)) for image in small]
    )
    return Arrays(images[:, None].copy(), digits.target.astype(np.int64), classes=tuple("0123456789"))


def _diabetes() -> Arrays:
    table = load_diabetes(scaled=False)
    return Arrays(
        table.data.astype(np.float32), table.target.astype(np.float32), feature_names=tuple(table.feature_names)
    )


BUILTIN: dict[str, Builtin] = {
    builtin.name: builtin
    for builtin in (
        Builtin(
            "notmnist", "10,000 letters A–J in many fonts, 28×28 gray", "notMNIST, Yaroslav Bulatov 2011", _notmnist
        ),
        Builtin(
            "notmnist-ab", "2,000 of them, A and B: two classes, for one output with a sigmoid", "the same", _of_two
        ),
        Builtin("digits", "1,797 handwritten digits, 8×8 scaled to 28×28", "scikit-learn load_digits (UCI)", _digits),
        Builtin("diabetes", "442 patients, 10 columns, disease progression", "scikit-learn load_diabetes", _diabetes),
    )
}
