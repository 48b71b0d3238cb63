"""IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): a magic number, the sizes, the bytes.

A dataset is a pair of files, pictures (N, H, W) and labels (N,), or two pairs of which the second is the test part.
"""

import math
from collections.abc import Mapping
from typing import IO

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS, Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.class_labels import named_classes, refuse_other_shape, unused
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.provided_splits import own_parts
from app.datasets.import_options import MOST_EXAMPLES, Imported, ImportOptions, Scratch, Tell

BEGINNING = b"\0\0\x08"  # of a file of unsigned bytes
OPTIONS = ("shape", "classes")  # the fields of `ImportOptions` that apply to it
PIECE_BYTES = 2**20
PAIRS = {"train": ("images", "labels"), "test": ("test_images", "test_labels")}


def read_idx_pairs(
    uploads: Mapping[str, CompressedFile], reading: ImportOptions, scratch: Scratch, tell: Tell
) -> Imported:
    """Read the parts `images` and `labels` of an upload, and `test_images` and `test_labels` if there are any.

    Raises ImportFailed.
    """
    pixels: DiskArray | None = None
    targets: list[NDArray[np.uint8]] = []
    parts: list[NDArray[np.uint8]] = []
    for part, (images, labels) in PAIRS.items():
        if images not in uploads and labels not in uploads and part != "train":
            continue
        for missing in (images, labels):
            if missing not in uploads:
                raise ImportFailed("idx_part_missing", sent=list(uploads), missing=missing)
        shape = refuse_other_shape(_sizes(uploads[images], images)[1:], reading.shape)
        pixels = pixels or DiskArray(scratch(), shape, np.uint8)
        if shape != pixels.shape:
            raise ImportFailed("idx_parts_differ", part=images, shape=shape[1:], wanted=pixels.shape[1:])
        before = pixels.count
        _append(uploads[images], images, pixels, tell)
        targets.append(_labels(uploads[labels], labels))
        count = pixels.count - before
        if count != len(targets[-1]):
            raise ImportFailed(
                "idx_counts_differ", images=images, pictures=count, labels=labels, count=len(targets[-1])
            )
        parts.append(np.full(count, OWN_PARTS.index(part), np.uint8))
    if pixels is None or not len(targets[0]):
        raise ImportFailed("idx_empty")
    labels_of_all = np.concatenate(targets)
    classes = named_classes(labels_of_all, reading.classes)
    own, said = own_parts(np.concatenate(parts), labels_of_all, classes)
    arrays = Arrays(pixels.mapped(), labels_of_all.astype(np.int64), classes, parts=own)
    return Imported(arrays, remarks=[*said, *unused(arrays)])


def read_idx(file: IO[bytes]) -> NDArray[np.uint8]:
    """Read an array of unsigned bytes from a small file. Raises ImportFailed."""
    shape, body = header(file), file.read()
    if len(body) != math.prod(shape):
        raise ImportFailed("idx_size_wrong", shape=shape, bytes=len(body))
    return np.frombuffer(body, np.uint8).reshape(shape)


def header(file: IO[bytes]) -> tuple[int, ...]:
    """Read the header, and return the sizes of the dimensions. Raises ImportFailed."""
    magic = file.read(4)
    if len(magic) < 4 or not magic.startswith(BEGINNING):
        raise ImportFailed("idx_no_magic")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise ImportFailed("idx_header_cut_off")
    return tuple(np.frombuffer(sizes, ">u4").tolist())


def _sizes(upload: CompressedFile, name: str) -> tuple[int, ...]:
    with upload.open() as file:
        sizes = header(file)
    if len(sizes) != 3:
        raise ImportFailed("idx_dimensions_wrong", part=name, dimensions=len(sizes))
    return sizes


def _append(upload: CompressedFile, name: str, pixels: DiskArray, tell: Tell) -> None:
    """Append all pictures of a file, in pieces."""
    with upload.open() as file:
        count, *_ = header(file)
        at_once = max(1, PIECE_BYTES // pixels.row_bytes)
        for start in range(0, count, at_once):
            wanted = min(at_once, count - start) * pixels.row_bytes
            piece = file.read(wanted)
            if len(piece) < wanted:
                held = start + len(piece) // pixels.row_bytes
                raise ImportFailed("idx_cut_off", part=name, promised=count, what="pictures", held=held)
            pixels.append(piece)
            tell(upload.fraction, pixels.count)
        if file.read(1):
            raise ImportFailed("idx_too_long", part=name, promised=count, what="pictures")


def _labels(upload: CompressedFile, name: str) -> NDArray[np.uint8]:
    with upload.open() as file:
        sizes = header(file)
        if len(sizes) != 1:
            raise ImportFailed("idx_dimensions_wrong", part=name, dimensions=len(sizes))
        (count,) = sizes
        if count > MOST_EXAMPLES:
            raise ImportFailed("idx_too_many_labels", part=name, promised=count, limit=MOST_EXAMPLES)
        labels = file.read(count + 1)
    if len(labels) > count:
        raise ImportFailed("idx_too_long", part=name, promised=count, what="labels")
    if len(labels) < count:
        raise ImportFailed("idx_cut_off", part=name, promised=count, what="labels", held=len(labels))
    return np.frombuffer(labels, np.uint8)
