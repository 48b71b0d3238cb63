"""A set as large as MNIST is imported in little memory."""

import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests.datasets.measuring import measured

MOST_MB = 500  # of the process that imports, beside what it begins with, and of all its decoders together
COUNT = 60_000


def test_sixty_thousand_pictures_are_imported_in_half_a_gigabyte(tmp_path: Path) -> None:
    path, noise = tmp_path / "letters.tar.gz", np.random.default_rng(0)
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for number in range(COUNT):
            file = io.BytesIO()
            Image.fromarray(noise.integers(0, 256, (28, 28), dtype=np.uint8)).save(file, "PNG", compress_level=1)
            entry = tarfile.TarInfo(f"letters/{'ABCDEFGHIJ'[number % 10]}/{number}.png")
            entry.size = file.tell()
            file.seek(0)
            archive.addfile(entry, file)
    took = measured(path)
    assert took.examples == COUNT and took.skipped == []
    assert took.own + took.decoders < MOST_MB
