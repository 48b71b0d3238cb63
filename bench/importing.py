"""Import of 10,000 letters (PNGs of 28×28 in a .tar.gz with a folder per class) against the lecture's loop, which reads
unpacked files one by one.

Target: at least 3 × as fast on 2 cores. The rivals run in turn. Each round is a new process; the import of Python
modules is not counted.
"""

import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import psutil
from PIL import Image

from app.datasets.builtin import BUILTIN
from app.datasets.formats.content import read
from app.datasets.import_options import ImportOptions
from bench.report import figure

ROUNDS = 7
MEGABYTE = 2**20


def write_letters(folder: Path) -> int:
    """Write the built-in letters as files, with a folder for each class; returns their number."""
    letters = BUILTIN["notmnist"].load()
    for number, (pixels, label) in enumerate(zip(letters.inputs, letters.targets, strict=True)):
        of_class = folder / letters.classes[label]
        of_class.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[0]).save(of_class / f"{number}.png")
    return len(letters.targets)


def lecture(folder: Path) -> int:
    """The lecture's loop."""
    images, labels = [], []
    for path in folder.glob("**/*.png"):
        try:
            image = plt.imread(path)
        except SyntaxError:
            continue
        labels.append(path.parent.name)
        images.append(image)
    return len(np.stack(images, axis=0)) + 0 * len(np.stack(labels, axis=0))


def antigrad(archive: Path) -> int:
    """The worker's import, up to the checked arrays."""
    return len(read({"file": archive}, ImportOptions(), tempfile.TemporaryFile, lambda *_: None).arrays.targets)


RIVALS: dict[str, Callable[[Path], int]] = {"lecture": lecture, "antigrad": antigrad}


def command(rival: str, path: Path) -> list[str]:
    return [sys.executable, "-m", "bench.importing", rival, str(path)]


def rate(rival: str, path: Path) -> float:
    """Images per second in one round."""
    return float(subprocess.run(command(rival, path), capture_output=True, check=True).stdout)


def memory(rival: str, path: Path) -> float:
    """Peak memory of a round and its child processes in MB, sampled every few milliseconds."""
    most = 0
    with subprocess.Popen(command(rival, path), stdout=subprocess.DEVNULL) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            held = 0
            for one in (watched, *watched.children()):
                try:
                    held += one.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            most = max(most, held)
            time.sleep(0.005)
    return most / MEGABYTE


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        paths = {"lecture": Path(home) / "letters", "antigrad": Path(home) / "letters.tar.gz"}
        count = write_letters(paths["lecture"])
        with tarfile.open(paths["antigrad"], "w:gz") as archive:
            archive.add(paths["lecture"], "letters")
        rounds = [{rival: rate(rival, path) for rival, path in paths.items()} for _ in range(ROUNDS)]
        for rival, path in paths.items():
            figure(
                f"{rival}, {count:,} images, median", statistics.median(rates[rival] for rates in rounds), "images/s"
            )
            figure(f"{rival}, peak memory of all processes", memory(rival, path), "MB")
    ratios = [rates["antigrad"] / rates["lecture"] for rates in rounds]
    figure("antigrad : lecture, median", statistics.median(ratios), "×", at_least=3)
    figure("antigrad : lecture, minimum", min(ratios), "×")


if __name__ == "__main__":
    begun = time.perf_counter()
    count = RIVALS[sys.argv[1]](Path(sys.argv[2]))
    print(count / (time.perf_counter() - begun))
