"""An archive with a folder a class, as the lecture reads notMNIST."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.datasets.archives import members
from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed, NoPicture
from app.datasets.pictures import decode

SIDE = 28
CLASSES = 1000
LISTED = 1000  # of the skipped files, so that the list can be sent with every answer
ADVICE = "a dataset has a folder for each of two classes or more, such as letters/A/1.png and letters/B/1.png"


@dataclass(frozen=True)
class Imported:
    """The examples, and `{"file", "reason"}` for each file that is not among them."""

    arrays: Arrays
    skipped: list[dict[str, str]]


def read_folders(archive: Path) -> Imported:
    """The pictures of a .zip, .tar or .tar.gz; a class is the folder that directly holds them, whatever lies around it.

    The examples stand in the order of their class, then of their path: the same files make the same dataset, however
    they were packed. Raises ImportFailed.
    """
    pixels = bytearray()  # of all pictures in a row: grows without a copy of each
    paths: list[tuple[str, str]] = []
    skipped = Skipped()
    for member in members(archive):
        *_, label, _ = ("", *member.name.split("/"))
        if member.reason is not None:
            skipped.add(member.name, member.reason)
        elif label in ("", "."):
            skipped.add(member.name, "lies in no folder; the folder is the class")
        else:
            try:
                pixels += decode(member.data, SIDE, SIDE, fit=True).tobytes()
                paths.append((label, member.name))
            except NoPicture as error:
                skipped.add(member.name, str(error))
    classes = tuple(sorted({label for label, _ in paths}))
    if len(classes) < 2:
        found = f"only the folder {classes[0]!r} holds" if classes else "no folder holds"
        raise ImportFailed(f"{found} pictures that can be read; {ADVICE}{skipped.for_example()}")
    if len(classes) > CLASSES:
        raise ImportFailed(f"there are {len(classes):,} folders with pictures; at most {CLASSES:,} classes are read")
    order = sorted(range(len(paths)), key=paths.__getitem__)
    index = {label: place for place, label in enumerate(classes)}
    inputs = np.frombuffer(pixels, np.uint8).reshape(-1, 1, SIDE, SIDE)[order]
    targets = np.array([index[paths[place][0]] for place in order], np.int64)
    return Imported(Arrays(inputs, targets, classes), skipped.listed())


class Skipped:
    """What was left out and why: the first ones by name, the rest by number."""

    def __init__(self) -> None:
        self.first: list[dict[str, str]] = []
        self.count = 0

    def add(self, file: str, reason: str) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.first.append({"file": file[-LISTED:], "reason": reason[:LISTED]})

    def listed(self) -> list[dict[str, str]]:
        """In the order of their names."""
        found = sorted(self.first, key=lambda item: item["file"])
        more = self.count - len(found)
        return [*found, {"file": "…", "reason": f"{more:,} more files were skipped"}] if more else found

    def for_example(self) -> str:
        """The end of a sentence that says why there is nothing."""
        if not self.first:
            return ""
        return f". {self.count:,} files were skipped; {self.first[0]['file']}: {self.first[0]['reason']}"
