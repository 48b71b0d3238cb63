"""The built-in datasets. Their bytes, and so their checksums, are equal on every machine."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from PIL import Image

from app.datasets.arrays import Arrays
from app.datasets.formats.idx import read_idx


@dataclass(frozen=True)
class Builtin:
    """A built-in dataset. `load` reads its examples from the package."""

    name: str
    description: str
    source: str
    load: Callable[[], Arrays]


def _packed(name: str) -> io.BytesIO:
    """The contents of a .gz file that ships with the package."""
    return io.BytesIO(gzip.decompress((files("app.datasets") / "data" / f"{name}.gz").read_bytes()))


def _notmnist() -> Arrays:
    images = read_idx(_packed("notmnist/t10k-images-idx3-ubyte"))
    labels = read_idx(_packed("notmnist/t10k-labels-idx1-ubyte"))
    return Arrays(images[:, None].copy(), labels.astype(np.int64), classes=tuple("ABCDEFGHIJ"))


def _notmnist_ab() -> Arrays:
    letters = _notmnist()
    chosen = letters.targets < 2
    return Arrays(letters.inputs[chosen], letters.targets[chosen], classes=("A", "B"))


def _digits() -> Arrays:
    small = (read_idx(_packed("digits/images-idx3-ubyte")) * (255 / 16)).round().astype(np.uint8)
    labels = read_idx(_packed("digits/labels-idx1-ubyte"))
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BILINEAR)) for image in small]
    )
    return Arrays(images[:, None].copy(), labels.astype(np.int64), classes=tuple("0123456789"))


def _diabetes() -> Arrays:
    lines = _packed("diabetes/diabetes.csv")
    *names, _ = lines.readline().decode().strip().split(",")
    table = np.loadtxt(lines, np.float32, delimiter=",")
    return Arrays(table[:, :-1].copy(), table[:, -1].copy(), feature_names=tuple(names))


BUILTIN: dict[str, Builtin] = {
    builtin.name: builtin
    for builtin in (
        Builtin(
            "notmnist", "10,000 letters A–J in many fonts, 28×28 gray", "notMNIST, Yaroslav Bulatov 2011", _notmnist
        ),
        Builtin(
            "notmnist-ab",
            "2,000 letters A and B of notmnist: two classes, for one output with a sigmoid",
            "notMNIST, Yaroslav Bulatov 2011",
            _notmnist_ab,
        ),
        Builtin("digits", "1,797 handwritten digits, 8×8 scaled to 28×28", "scikit-learn load_digits (UCI)", _digits),
        Builtin("diabetes", "442 patients, 10 columns, disease progression", "scikit-learn load_diabetes", _diabetes),
    )
}
