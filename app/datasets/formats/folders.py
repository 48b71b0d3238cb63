"""Archives with a folder for each class, as the lecture reads notMNIST."""

import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats import tar
from app.datasets.formats.archives import Member, Noticed, members
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.folder_paths import Paths
from app.datasets.formats.format import Format
from app.datasets.formats.provided_splits import own_parts
from app.datasets.images.decoding import Decoders
from app.datasets.images.depth import DepthSurvey
from app.datasets.images.picture_format import MARGIN, PictureFormat
from app.datasets.import_options import CLASSES, Imported, ImportOptions, Scratch, Skipped, Tell
from app.messages import Message

GRAY = (1, 28, 28)
NO_FOLDER = "is in no folder; the folder is the class"


def is_archive(upload: CompressedFile) -> bool:
    """True if the upload is an archive, whatever it contains."""
    return upload.is_zip or tar.begins_one(upload.beginning)


def read_folders(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read the pictures of an archive. A class is the folder that directly holds them, or one at `classes_from`.

    Other folders do not matter, except `train/`, `validation/` and `test/`, which are the archive's own parts. Pictures
    directly in such a folder, or in one around all classes, are in no class.

    Examples are ordered by class, then by path. So the same files make the same dataset, however they were packed.
    Raises ImportFailed.
    """
    shape = reading.shape or GRAY
    skipped, noticed, paths, depth = Skipped(), Noticed(), Paths(reading.classes_from), DepthSurvey()
    pixels = DiskArray(scratch(), shape, np.uint8)
    files = members(upload, noticed, tell, reading.encoding)
    margin = MARGIN if reading.crop == "ink" else None
    with Decoders(PictureFormat(shape, reading.resize, reading.background, reading.depth, margin)) as decoders:
        for path, outcome in decoders.decoded(_pictures(files, paths, skipped)):
            if isinstance(outcome, str):
                skipped.add(path, outcome)
            elif paths.add(path):
                pixels.append(outcome.pixels)
                depth.see(outcome.greatest)
            else:
                skipped.add(path, "occurs in the archive again; only the first one is read")
    unlabelled = paths.unlabelled()
    for path in unlabelled:
        skipped.add(path, "is in the folder of a part or around the classes, not in that of a class")
    order = np.array(paths.order(without=unlabelled), np.int64)
    classes = tuple(sorted({paths.labels[place] for place in order}))
    if len(classes) < 2:
        only = classes[0] if classes else None
        raise ImportFailed("too_few_classes", only=only, levels=paths.levels(), **skipped.example())
    if len(classes) > CLASSES:
        raise ImportFailed("too_many_classes", classes=len(classes), limit=CLASSES)
    index = {label: place for place, label in enumerate(classes)}
    inputs = pixels.in_order(order, scratch())
    targets = np.array([index[paths.labels[place]] for place in order], np.int64)
    parts, said = own_parts(np.frombuffer(paths.parts, np.uint8)[order], targets, classes)
    arrays = Arrays(inputs, targets, classes, parts=parts)
    remarks = [
        *skipped.warnings(),
        *noticed.remarks,
        *paths.remarks(unlabelled),
        *said,
        *_alike(classes),
        *depth.remarks(reading.depth),
    ]
    return Imported(arrays, skipped.listed(), {"skipped_count": skipped.count}, remarks)


def _alike(classes: tuple[str, ...]) -> list[Message]:
    """Warnings about class names that differ only in case; some file systems treat them as one folder."""
    of: dict[str, list[str]] = {}
    for label in classes:
        of.setdefault(unicodedata.normalize("NFKC", label).casefold(), []).append(label)
    pairs = [" and ".join(map(repr, labels)) for labels in of.values() if len(labels) > 1]
    return [Message.of("classes_alike", pairs=pairs[:5])] if pairs else []


def _pictures(files: Iterable[Member], paths: Paths, skipped: Skipped) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file that may be a picture."""
    for member in files:
        if member.reason is not None:
            skipped.add(member.name, member.reason)
        elif paths.label(member.name) is None:
            skipped.add(member.name, "is in no folder at that level" if paths.level != -1 else NO_FOLDER)
        else:
            yield member.name, member.data


FOLDERS = Format(
    "an archive of pictures (a table must be sent by itself)",
    ("shape", "resize", "background", "crop", "depth", "classes_from", "encoding"),
    is_archive,
    read_folders,
)
