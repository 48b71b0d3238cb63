"""A dataset of the size of MNIST is imported in little memory."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.archives import zipped
from tests.support.measuring import measured

MOST_MB = 500  # additional memory of the importing process, plus memory of its decoders
COUNT = 60_000


@pytest.mark.long
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


@pytest.mark.long
def test_pictures_that_are_small_to_send_and_large_to_hold_are_never_all_in_memory(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("RGB", (224, 224), "red").save(file, "PNG")
    path = tmp_path / "upload"
    path.write_bytes(zipped({f"{number % 2}/{number:04}.png": file.getvalue() for number in range(2000)}))
    took = measured(path, shape=(3, 224, 224))
    assert took.examples == 2000 and took.own + took.decoders < MOST_MB  # the 300 MB of pixels are memory-mapped
