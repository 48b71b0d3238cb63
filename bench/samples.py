"""Sample datasets of 40 to 10,000 examples as uploads: pictures as .npz, tables as CSV."""

import csv
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as known

from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.datasets.formats.content import read
from app.datasets.import_options import ImportOptions

Numbers = NDArray[np.generic]


@dataclass(frozen=True)
class Upload:
    """A file to upload, with its import options."""

    file: bytes
    options: ImportOptions = field(default_factory=ImportOptions)

    def imported(self) -> Arrays:
        """The examples, read and checked like an upload by a worker."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload"
            path.write_bytes(self.file)
            return read({"file": path}, self.options, tempfile.TemporaryFile, lambda *_: None).arrays


def pictures(inputs: Numbers, targets: Numbers) -> Upload:
    """Gray pictures (N, height, width) with values from 0 to 255, and classes (N,)."""
    packed = io.BytesIO()
    np.savez_compressed(packed, inputs=inputs.clip(0, 255).round().astype(np.uint8), targets=targets)
    return Upload(packed.getvalue())


def table(rows: Sequence[Sequence[Any]], targets: Sequence[Any]) -> Upload:
    """A table of numbers and texts. Text targets are classes."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([*(f"x{column}" for column in range(len(rows[0]))), "target"])
    writer.writerows([*row, target] for row, target in zip(rows, targets, strict=True))
    return Upload(written.getvalue().encode(), ImportOptions(target="target"))


def labelled(rows: Numbers, labels: Numbers) -> Upload:
    """A table of numbers with a class for each row."""
    return table(rows.tolist(), [f"class {label}" for label in labels])


def flat(each: int = 100, side: int = 28) -> Upload:
    """Uniform gray pictures of value 40 or 210, with noise of standard deviation 10."""
    random, labels = np.random.default_rng(0), np.repeat([0, 1], each)
    gray = np.array([40, 210])[labels]
    return pictures(gray[:, None, None] + random.normal(0, 10, (2 * each, side, side)), labels)


def bars(each: int = 60) -> Upload:
    """A horizontal or vertical bar at a random place in a noisy picture."""
    random, labels = np.random.default_rng(0), np.repeat([0, 1], each)
    drawn = random.normal(60, 20, (2 * each, 28, 28))
    for picture, label, place in zip(drawn, labels, random.integers(2, 24, 2 * each), strict=True):
        (picture if label == 0 else picture.T)[place : place + 3, 4:24] += 120
    return pictures(drawn, labels)


def part_of(name: str, examples: int, classes: int = 10) -> Upload:
    """The first pictures of a built-in dataset, equally many from each of its first classes."""
    whole = BUILTIN[name].load()
    each = [np.flatnonzero(whole.targets == label)[: examples // classes] for label in range(classes)]
    chosen = np.concatenate(each)
    return pictures(whole.inputs[chosen, 0], whole.targets[chosen])


def blobs(each: int = 20) -> Upload:
    """Three overlapping classes in two dimensions."""
    return labelled(*known.make_blobs(3 * each, 2, centers=[[0, 0], [3, 0], [0, 3]], random_state=0))


def toy(name: str) -> Upload:
    """A classification table from scikit-learn, unscaled."""
    loaded = getattr(known, f"load_{name}")()
    return labelled(loaded.data, loaded.target)


def categories(examples: int = 300) -> Upload:
    """Four text columns, one-hot encoded as 30. The class depends on the sign of a weighted sum."""
    random, counts = np.random.default_rng(0), (3, 5, 7, 15)
    codes = np.stack([random.integers(0, count, examples) for count in counts], 1)
    weights = [random.normal(0, 1, count) for count in counts]
    score = sum(weight[column] for weight, column in zip(weights, codes.T, strict=True))
    rows = [[f"{'abcd'[column]}{code}" for column, code in enumerate(row)] for row in codes]
    return table(rows, np.where(score + random.normal(0, 0.3, examples) > 0, "yes", "no").tolist())


def friedman(examples: int = 2000) -> Upload:
    """A smooth function of five of ten columns, with noise (Friedman 1991)."""
    rows, targets = known.make_friedman1(examples, noise=1.0, random_state=0)
    return table(rows.tolist(), targets.tolist())


SAMPLES: dict[str, Callable[[], Upload]] = {
    "letters-40": lambda: part_of("notmnist", 40, 2),
    "blobs-60": blobs,
    "bars-120": bars,
    "iris-150": lambda: toy("iris"),
    "wine-178": lambda: toy("wine"),
    "flat-200": flat,
    "digits-300": lambda: part_of("digits", 300),
    "one-hot-300": categories,
    "letters-400": lambda: part_of("notmnist", 400),
    "cancer-569": lambda: toy("breast_cancer"),
    "friedman-2000": friedman,
    "letters-2000": lambda: part_of("notmnist", 2000),
}
