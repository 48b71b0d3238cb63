"""NumPy's .npz: a zip of arrays, of which none may hold objects (which are pickles)."""

import io
from collections.abc import Mapping
from math import prod
from typing import IO, Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS, Arrays
from app.datasets.errors import ImportFailed
from app.datasets.formats.archives import zip_file, zip_problem
from app.datasets.formats.class_labels import named_classes, refuse_other_shape, unused
from app.datasets.formats.columns import MOST_COLUMNS, doubts_of_numbers, same_as_float32
from app.datasets.formats.compressed_file import TOTAL_BYTES, Budget, CompressedFile, sound
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.format import Format
from app.datasets.formats.provided_splits import own_parts
from app.datasets.import_options import CLASSES, MOST_EXAMPLES, Imported, ImportOptions, Scratch, Tell
from app.datasets.names import printable

PIECE_BYTES = 2**20
MEMBERS = 100
HEADER_BYTES = 10_000  # of an array: all that numpy takes for harmless
MOST_DIMENSIONS = 4
LETTERS = 500  # of a text: the name of a class, or of a column with one of its values
INPUTS = ("inputs", "X", "x", "data", "images", "features")
TARGETS = ("targets", "y", "labels", "target")
NAMES = ("classes", "feature_names")
PAIRS = [(inputs, targets) for inputs in INPUTS for targets in TARGETS]
# As Keras' mnist.npz has them.
IN_PARTS = (
    ("x_train", "y_train", "train"),
    ("x_validation", "y_validation", "validation"),
    ("x_val", "y_val", "validation"),
    ("x_test", "y_test", "test"),
)
KNOWN = "inputs and targets (or X and y), or x_train, y_train, x_test and y_test"


def is_npz(upload: CompressedFile) -> bool:
    """A zip of nothing but arrays."""
    if not upload.is_zip:
        return False
    try:
        with zip_file(upload) as archive:
            names = archive.namelist()
    except ImportFailed:
        raise
    except Exception:  # it is damaged, and the reader of archives says how
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Pictures of unsigned bytes (N, H, W), (N, C, H, W) or (N, H, W, 3), or a table of numbers (N, D); and targets
    (N,), which are classes where they are whole numbers or texts, unless `task` says otherwise. Raises ImportFailed."""
    with zip_file(upload) as archive:
        found = _arrays(archive, upload, scratch, tell)
    names = {name: _names(name, found[name]) for name in NAMES if name in found}
    pieces = _pieces(found)
    inputs = _inputs([piece for piece, _, _ in pieces], reading, scratch)
    targets = np.concatenate([target for _, target, _ in pieces])
    parts = np.concatenate([np.full(len(target), OWN_PARTS.index(part), np.uint8) for _, target, part in pieces])
    if "parts" in found:  # as a dataset is exported
        parts = _checked_parts(found["parts"], len(targets))
    warnings: list[str] = []
    if inputs.ndim > 2 and reading.task == "regression":
        raise ImportFailed("task=regression is for tables: pictures have classes; leave it out")
    if inputs.ndim > 2 or _are_classes(targets, reading):
        targets, classes = _classes(targets, reading.classes or names.get("classes", ()))
    else:
        values, classes = targets, ()
        targets = _numbers(values)
        warnings = doubts_of_numbers("the target", np.unique(values), reading.task is not None)
    columns = names.get("feature_names", ()) if inputs.ndim == 2 else ()
    if columns and len(columns) != inputs.shape[1]:
        raise ImportFailed(f"feature_names has {len(columns)} names for {inputs.shape[1]} columns")
    own, said = own_parts(parts, targets, classes)
    arrays = Arrays(inputs, targets, classes, columns, own)
    return Imported(arrays, about={"warnings": [*warnings, *said, *unused(arrays), *_unread(found)]})


def _names(of: str, array: NDArray[Any]) -> tuple[str, ...]:
    if array.size > MOST_COLUMNS:
        raise ImportFailed(f"{of} holds {array.size:,} names; there are at most {MOST_COLUMNS:,}")
    return _texts(array)


def _texts(array: NDArray[Any]) -> tuple[str, ...]:
    try:
        return tuple(printable(str(item)[:LETTERS]) for item in array.ravel())
    except (SystemError, ValueError) as error:  # what numpy raises where a number is no letter
        raise ImportFailed(f"a text in it is damaged ({error}); send it again") from error


def _checked_parts(parts: NDArray[Any], count: int) -> NDArray[np.uint8]:
    if parts.shape != (count,) or parts.dtype.kind not in "iu" or parts.min() < 0 or parts.max() >= len(OWN_PARTS):
        raise ImportFailed("parts says of each example 0, 1 or 2: to train on, for validation, for the test")
    return parts.astype(np.uint8)


def _arrays(archive: ZipFile, upload: CompressedFile, scratch: Scratch, tell: Tell) -> dict[str, NDArray[Any]]:
    """The arrays by name, on disk."""
    budget, found = Budget(), {}
    for info in archive.infolist()[:MEMBERS]:
        with _opened(archive, info) as file:
            shape, is_fortran, dtype = _header(file, info.filename)
            left = prod(shape) * dtype.itemsize
            budget.spend(left)
            flat = DiskArray(scratch(), (), dtype)
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                flat.file.write(piece)
                left -= len(piece)
                tell(upload.fraction, 0)
            if left:
                raise ImportFailed(f"{info.filename} ends {left:,} bytes before the end that its header promises")
        flat.count = prod(shape)
        found[info.filename.removesuffix(".npy")] = flat.mapped().reshape(shape, order="F" if is_fortran else "C")
    return found


def _opened(archive: ZipFile, info: ZipInfo) -> IO[bytes]:
    problem = zip_problem(info)
    if problem is not None:
        raise ImportFailed(f"{info.filename} {problem}")
    try:
        return sound(archive.open(info))
    except Exception as error:  # zipfile raises nearly anything on broken files
        raise ImportFailed(f"{info.filename} is damaged in the archive ({error}); send it again") from error


def _header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it lies in Fortran's order, and type: what numpy makes of a header, if that can be an array here.

    numpy would read a header of any length before it finds it too long.
    """
    try:
        version = npy.read_magic(file)
        read, digits = (npy.read_array_header_1_0, 2) if version == (1, 0) else (npy.read_array_header_2_0, 4)
        size = file.read(digits)
        if int.from_bytes(size, "little") > HEADER_BYTES:
            raise ValueError(f"its header has over {HEADER_BYTES:,} bytes")
        shape, is_fortran, dtype = read(io.BytesIO(size + file.read(int.from_bytes(size, "little"))))
    except ImportFailed:
        raise
    except Exception as error:  # it is parsed as Python, and fails as Python does
        raise ImportFailed(f"{name} is no array that can be read: {str(error)[:LETTERS]}") from error
    if dtype.hasobject:
        raise ImportFailed(f"{name} holds Python objects, which are never loaded; save it as numbers")
    if dtype.kind not in "biufU" or not 0 < dtype.itemsize <= 4 * LETTERS:
        raise ImportFailed(f"{name} is of the type {dtype}; numbers and short texts are read")
    if len(shape) > MOST_DIMENSIONS or any(not 0 <= side < TOTAL_BYTES for side in shape):
        promised = str(shape)[:LETTERS]
        raise ImportFailed(f"the header of {name} promises the shape {promised}, which no array of a dataset can have")
    return tuple(map(int, shape)), is_fortran, dtype  # True is an int, too


def _pairs(found: Mapping[str, NDArray[Any]]) -> list[tuple[str, str, str]]:
    """The names of inputs and targets, and the part that they are of. Raises ImportFailed."""
    in_parts = [(x, y, part) for x, y, part in IN_PARTS if x in found or y in found]
    for x, y, _ in in_parts:
        for missing, other in ((x, y), (y, x)):
            if missing not in found:
                raise ImportFailed(f"the .npz holds {other} without {missing}; a dataset has both")
    return in_parts or [(x, y, "train") for x, y in PAIRS if x in found and y in found][:1]


def _unread(found: Mapping[str, NDArray[Any]]) -> list[str]:
    """Warnings about arrays that a dataset cannot use."""
    read = {name for x, y, _ in _pairs(found) for name in (x, y)} | {*NAMES, "parts"}
    others = [name for name in found if name not in read]
    return [f"the .npz holds more arrays, which are not read: {', '.join(others)[:LETTERS]}"] if others else []


def _pieces(found: Mapping[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any], str]]:
    """Inputs, targets and the part that they are of. Raises ImportFailed."""
    pieces = [(found[x], found[y], part) for x, y, part in _pairs(found)]
    if not pieces:
        there = ", ".join(found) or "none"
        raise ImportFailed(f"the .npz holds the arrays {there}; a dataset has {KNOWN}")
    for inputs, targets, _ in pieces:
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets.shape = targets.shape[:1]
        if inputs.ndim < 2 or targets.ndim != 1 or len(inputs) != len(targets) or not len(targets):
            raise ImportFailed(
                f"the inputs have the shape {inputs.shape}, the targets {targets.shape}; wanted are (N, …) and (N,)"
            )
        if len(targets) > MOST_EXAMPLES:
            raise ImportFailed(f"there are {len(targets):,} examples; at most {MOST_EXAMPLES:,} are read")
    return pieces


def _inputs(pieces: list[NDArray[Any]], reading: ImportOptions, scratch: Scratch) -> Any:
    """All pieces in one array on disk, as a dataset holds it."""
    if len({piece.shape[1:] for piece in pieces}) > 1:
        raise ImportFailed(f"the parts differ in shape: {', '.join(str(piece.shape[1:]) for piece in pieces)}")
    sides = pieces[0].shape[1:]
    if len(sides) == 1:
        if not 1 <= sides[0] <= MOST_COLUMNS:
            raise ImportFailed(f"the table has {sides[0]:,} columns; 1 to {MOST_COLUMNS:,} are read")
        rows = DiskArray(scratch(), sides, np.float32)
    else:
        if any(piece.dtype != np.uint8 for piece in pieces) or len(sides) > 3:
            raise ImportFailed(
                f"the inputs are {pieces[0].dtype} of the shape {pieces[0].shape}; pictures are uint8 from 0 to 255, "
                "(N, H, W), (N, C, H, W) or (N, H, W, 3); a table is (N, D)"
            )
        channels_last = len(sides) == 3 and sides[2] in (1, 3) and sides[0] not in (1, 3)
        if channels_last:
            pieces = [piece.transpose(0, 3, 1, 2) for piece in pieces]
        rows = DiskArray(scratch(), refuse_other_shape(pieces[0].shape[1:], reading.shape), np.uint8)
    at_once = max(1, PIECE_BYTES // rows.row_bytes)
    for piece in pieces:
        if piece.dtype.kind == "U":
            raise ImportFailed("the inputs are texts; a table of texts is sent as CSV")
        for start in range(0, len(piece), at_once):
            with np.errstate(over="ignore"):
                numbers = piece[start : start + at_once].astype(rows.dtype)
            if np.isinf(numbers).any():
                raise ImportFailed("an input is ∞, or larger than float32 can hold")
            rows.append(numbers)
    return rows.mapped()


def _are_classes(targets: NDArray[Any], reading: ImportOptions) -> bool:
    return reading.task == "classification" or (reading.task is None and targets.dtype.kind != "f")


def _classes(targets: NDArray[Any], names: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if targets.dtype.kind == "U":
        values, numbered = np.unique(targets, return_inverse=True)
        if not 2 <= len(values) <= CLASSES:
            raise ImportFailed(
                f"the targets have {len(values):,} different values; a classification has 2 to {CLASSES:,}"
            )
        return numbered.astype(np.int64), _texts(values)
    if targets.dtype.kind == "f" and not (np.isfinite(targets) & (targets == np.round(targets))).all():
        raise ImportFailed("the targets are no whole numbers, as classes are; leave task=classification out")
    return targets.astype(np.int64), named_classes(targets, names)


def _numbers(targets: NDArray[Any]) -> NDArray[np.float32]:
    if targets.dtype.kind == "U":
        raise ImportFailed("the targets are texts; a regression predicts numbers: leave task=regression out")
    with np.errstate(over="ignore"):
        numbers = targets.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ImportFailed("a target is NaN, ∞ or larger than float32 can hold")
    if (numbers == numbers[0]).all():
        if (targets != targets[0]).any():
            raise ImportFailed(same_as_float32("the target", float(targets.min()), float(targets.max())))
        raise ImportFailed(f"every target is {numbers[0]:g}: there is nothing to predict")
    return numbers


NPZ = Format("an .npz", ("shape", "task", "classes"), is_npz, read_npz)
