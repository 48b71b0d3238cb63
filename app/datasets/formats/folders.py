"""Archives with a folder for each class, as the lecture reads notMNIST."""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats import tar
from app.datasets.formats.archives import Member, members
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.format import Format
from app.datasets.formats.provided_splits import NO_PART, TEST, TRAIN, VALIDATION, own_parts
from app.datasets.images.decoding import Decoders
from app.datasets.import_options import CLASSES, Imported, ImportOptions, Scratch, Skipped, Tell
from app.messages import Message

GRAY = (1, 28, 28)
# Names of outer folders that assign their pictures to a part.
PARTS = {
    name: part
    for part, names in {
        TRAIN: ("train", "training"),
        VALIDATION: ("validation", "valid", "val"),
        TEST: ("test", "testing"),
    }.items()
    for name in names
}


def is_archive(upload: CompressedFile) -> bool:
    """True if the upload is an archive, whatever it contains."""
    return upload.is_zip or tar.begins_one(upload.beginning)


def read_folders(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read the pictures of an archive. A class is the folder that directly holds them.

    Outer folders do not matter, except `train/`, `validation/` and `test/`, which are the archive's own parts.

    Examples are ordered by class, then by path. So the same files make the same dataset, however they were packed.
    Raises ImportFailed.
    """
    shape = reading.shape or GRAY
    skipped, paths = Skipped(), _Paths()
    pixels = DiskArray(scratch(), shape, np.uint8)
    with Decoders(shape, reading.resize, reading.background) as decoders:
        for path, outcome in decoders.decoded(_pictures(members(upload, tell), skipped)):
            if isinstance(outcome, str):
                skipped.add(path, outcome)
            elif paths.add(path):
                pixels.append(outcome)
            else:
                skipped.add(path, "occurs in the archive again; only the first one is read")
    classes = tuple(sorted(set(paths.labels)))
    if len(classes) < 2:
        only = classes[0] if classes else None
        raise ImportFailed("too_few_classes", only=only, **skipped.example())
    if len(classes) > CLASSES:
        raise ImportFailed("too_many_classes", classes=len(classes), limit=CLASSES)
    index = {label: place for place, label in enumerate(classes)}
    order = np.array(paths.order(), np.int64)
    inputs = pixels.in_order(order, scratch())
    targets = np.array([index[label] for label in paths.labels], np.int64)[order]
    parts, said = own_parts(np.frombuffer(paths.parts, np.uint8)[order], targets, classes)
    arrays = Arrays(inputs, targets, classes, parts=parts)
    warnings = [*skipped.warnings(), *said, *_alike(classes)]
    return Imported(arrays, skipped.listed(), {"skipped_count": skipped.count}, warnings)


def _alike(classes: tuple[str, ...]) -> list[Message]:
    """Warnings about class names that differ only in case; some file systems treat them as one folder."""
    of: dict[str, list[str]] = {}
    for label in classes:
        of.setdefault(unicodedata.normalize("NFKC", label).casefold(), []).append(label)
    pairs = [" and ".join(map(repr, labels)) for labels in of.values() if len(labels) > 1]
    return [Message.of("classes_alike", pairs=pairs[:5])] if pairs else []


def _pictures(files: Iterable[Member], skipped: Skipped) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file that may be a picture."""
    for member in files:
        *_, label, _ = ("", *member.name.split("/"))
        if member.reason is not None:
            skipped.add(member.name, member.reason)
        elif label in ("", "."):
            skipped.add(member.name, "is in no folder; the folder is the class")
        else:
            yield member.name, member.data


@lru_cache(CLASSES)
def _part(folder: str) -> int:
    """The part of a folder's images, from the nearest enclosing folder that names one."""
    *around, _ = folder.lower().split("/")
    return next((PARTS[name] for name in reversed(around) if name in PARTS), NO_PART)


class _Paths:
    """Names of the source files, in reading order."""

    def __init__(self) -> None:
        self.paths: dict[str, None] = {}
        self.labels: list[str] = []
        self.parts = bytearray()

    def add(self, path: str) -> bool:
        """Add a path. Returns False if it is already known."""
        if path in self.paths:
            return False
        self.paths[path] = None
        folder, _, _ = path.rpartition("/")
        self.labels.append(folder.rpartition("/")[2])
        self.parts.append(_part(folder))
        return True

    def order(self) -> list[int]:
        """Positions of the paths, sorted by class and then by path."""
        keys = list(zip(self.labels, self.paths, strict=True))
        return sorted(range(len(keys)), key=keys.__getitem__)


FOLDERS = Format(
    "an archive of pictures (a table must be sent by itself)",
    ("shape", "resize", "background"),
    is_archive,
    read_folders,
)
