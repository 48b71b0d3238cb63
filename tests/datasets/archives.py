"""Archives for the tests: of letters, and hostile ones."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image


def png(seed: int = 0, size: tuple[int, int] = (28, 28), mode: str = "L") -> bytes:
    """A picture of noise."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    picture = Image.fromarray(noise[..., 0] if channels == 1 else noise, mode=None).convert(mode)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def letters(classes: str = "ABC", each: int = 3, around: str = "notMNIST_small/") -> dict[str, bytes]:
    """The files of a small set, as the lecture's lies on disk."""
    return {
        f"{around}{letter}/{number}.png": png(1000 * place + number)
        for place, letter in enumerate(classes)
        for number in range(each)
    }


def zipped(files: dict[str, bytes]) -> bytes:
    """A .zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w", format: int = tarfile.PAX_FORMAT) -> bytes:
    """A .tar, or with the mode `w:gz` a .tar.gz."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode, format=format) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return file.getvalue()
