"""The datasets that come with Antigrad; the same bytes, and so the same checksum, on every machine."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits

from app.datasets.arrays import Arrays
from app.datasets.idx import read_idx


@dataclass(frozen=True)
class Builtin:
    """A dataset by name."""

    name: str
    description: str
    source: str
    load: Callable[[], Arrays]


def _notmnist() -> Arrays:
    folder = files("app.datasets") / "data" / "notmnist"
    images = read_idx((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = read_idx((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    return Arrays(images[:, None].copy(), labels.astype(np.int64), classes=tuple("ABCDEFGHIJ"))


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
        Builtin("digits", "1,797 handwritten digits, 8×8 scaled to 28×28", "scikit-learn load_digits (UCI)", _digits),
        Builtin("diabetes", "442 patients, 10 columns, disease progression", "scikit-learn load_diabetes", _diabetes),
    )
}
