"""NumPy's .npz: a zip of arrays. Arrays of Python objects are refused, since they are pickles."""

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
from app.datasets.formats.compressed_file import TOTAL_BYTES, Budget, CompressedFile, sound
from app.datasets.formats.disk_array import DiskArray
from app.datasets.formats.format import Format
from app.datasets.formats.pixel_tables import darkness
from app.datasets.formats.provided_splits import own_parts
from app.datasets.formats.regression_targets import doubts_of_numbers, same_as_float32
from app.datasets.formats.survey import MOST_COLUMNS
from app.datasets.formats.table_remarks import WHITE
from app.datasets.import_options import CLASSES, MOST_EXAMPLES, Imported, ImportOptions, Scratch, Tell
from app.datasets.names import first, printable
from app.messages import Message

PIECE_BYTES = 2**20
MEMBERS = 100
HEADER_BYTES = 10_000  # of an array: numpy's own limit for safe parsing
MOST_DIMENSIONS = 4
LISTED = 20  # arrays that a message names
AT_ONCE = 4096  # examples
LETTERS = 500  # of a text: the name of a class, or of a column and one of its values
INPUTS = ("inputs", "X", "x", "data", "images", "features")
TARGETS = ("targets", "y", "labels", "target")
NAMES = ("classes", "feature_names")
PAIRS = [(inputs, targets) for inputs in INPUTS for targets in TARGETS]
# Names as in Keras' mnist.npz.
IN_PARTS = (
    ("x_train", "y_train", "train"),
    ("x_validation", "y_validation", "validation"),
    ("x_val", "y_val", "validation"),
    ("x_test", "y_test", "test"),
)
KNOWN = "inputs and targets (or X and y), or x_train, y_train, x_test and y_test"


def is_npz(upload: CompressedFile) -> bool:
    """True if the upload is a zip that contains only arrays."""
    if not upload.is_zip:
        return False
    try:
        with zip_file(upload) as archive:
            names = archive.namelist()
    except ImportFailed:
        raise
    except Exception:  # a damaged zip is reported by the reader of archives
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def read_npz(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read pictures of unsigned bytes (N, H, W), (N, C, H, W) or (N, H, W, 3), or a table of numbers (N, D).

    The targets are (N,). Integers and texts are classes unless `task` says otherwise. Raises ImportFailed.
    """
    with zip_file(upload) as archive:
        by_name = _arrays(archive, upload, scratch, tell)
    names = {name: _names(name, by_name[name]) for name in NAMES if name in by_name}
    pieces = _pieces(by_name)
    inputs = _inputs([piece for piece, _, _ in pieces], reading, scratch)
    targets = np.concatenate([target for _, target, _ in pieces])
    parts = np.concatenate([np.full(len(target), OWN_PARTS.index(part), np.uint8) for _, target, part in pieces])
    if "parts" in by_name:  # written by `Arrays.export`
        parts = _checked_parts(by_name["parts"], len(targets))
    warnings: list[Message] = []
    if inputs.ndim > 2 and reading.task == "regression":
        raise ImportFailed("pictures_have_classes")
    if inputs.ndim > 2 or _are_classes(targets, reading):
        targets, classes = _classes(targets, reading.classes or names.get("classes", ()))
    else:
        values, classes = targets, ()
        targets = _numbers(values)
        warnings = doubts_of_numbers(None, np.unique(values), len(values), reading.task is not None)
    columns = names.get("feature_names", ()) if inputs.ndim == 2 else ()
    if columns and len(columns) != inputs.shape[1]:
        raise ImportFailed("feature_names_differ", names=len(columns), columns=inputs.shape[1])
    own, said = own_parts(parts, targets, classes)
    arrays = Arrays(inputs, targets, classes, columns, own)
    if reading.shape is not None:
        warnings += darkness(arrays.inputs)
    return Imported(arrays, remarks=[*warnings, *said, *unused(arrays), *_unread(by_name)])


def _names(of: str, array: NDArray[Any]) -> tuple[str, ...]:
    if array.size > MOST_COLUMNS:
        raise ImportFailed("too_many_names", array=of, names=array.size, limit=MOST_COLUMNS)
    return _texts(array)


def _texts(array: NDArray[Any]) -> tuple[str, ...]:
    try:
        return tuple(printable(str(item)[:LETTERS]) for item in array.ravel())
    except (SystemError, ValueError) as error:  # numpy raises these where a number is not a character
        raise ImportFailed("text_damaged", reason=str(error)) from error


def _checked_parts(parts: NDArray[Any], count: int) -> NDArray[np.uint8]:
    if parts.shape != (count,) or parts.dtype.kind not in "iu" or parts.min() < 0 or parts.max() >= len(OWN_PARTS):
        raise ImportFailed("parts_wrong")
    return parts.astype(np.uint8)


def _arrays(archive: ZipFile, upload: CompressedFile, scratch: Scratch, tell: Tell) -> dict[str, NDArray[Any]]:
    """The arrays by name, on disk."""
    budget, by_name = Budget(), {}
    for info in archive.infolist()[:MEMBERS]:
        with _opened(archive, info) as file:
            shape, is_fortran, dtype = read_header(file, info.filename)
            left = prod(shape) * dtype.itemsize
            budget.spend(left)
            flat = DiskArray(scratch(), (), dtype)
            while left and (piece := file.read(min(left, PIECE_BYTES))):
                flat.file.write(piece)
                left -= len(piece)
                tell(upload.fraction, 0)
            if left:
                raise ImportFailed("array_cut_off", file=info.filename, bytes=left)
        flat.count = prod(shape)
        by_name[info.filename.removesuffix(".npy")] = flat.mapped().reshape(shape, order="F" if is_fortran else "C")
    return by_name


def _opened(archive: ZipFile, info: ZipInfo) -> IO[bytes]:
    problem = zip_problem(info)
    if problem is not None:
        raise ImportFailed("member_unreadable", file=info.filename, reason=problem)
    try:
        return sound(archive.open(info))
    except Exception as error:  # zipfile raises almost anything on damaged files
        raise ImportFailed("member_damaged", file=info.filename, reason=str(error)) from error


def read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, True for Fortran order, and type from an array's header. Raises ImportFailed if a dataset cannot have it.

    The length is checked first, since numpy would read a header of any length before refusing it.
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
    except Exception as error:  # it is parsed as Python, and may raise any of its errors
        raise ImportFailed("array_unreadable", array=name, reason=str(error)[:LETTERS]) from error
    if dtype.hasobject:
        raise ImportFailed("array_of_objects", array=name)
    if dtype.kind not in "biufU" or not 0 < dtype.itemsize <= 4 * LETTERS:
        raise ImportFailed("array_type_unsupported", array=name, type=str(dtype))
    if len(shape) > MOST_DIMENSIONS or any(not 0 <= side < TOTAL_BYTES for side in shape):
        raise ImportFailed("array_shape_impossible", array=name, shape=str(shape)[:LETTERS])
    return tuple(map(int, shape)), is_fortran, dtype  # a header may say True, which is an int


def _pairs(by_name: Mapping[str, NDArray[Any]]) -> list[tuple[str, str, str]]:
    """Names of inputs and targets, and the part that they belong to. Raises ImportFailed."""
    in_parts = [(x, y, part) for x, y, part in IN_PARTS if x in by_name or y in by_name]
    for x, y, _ in in_parts:
        for missing, other in ((x, y), (y, x)):
            if missing not in by_name:
                raise ImportFailed("array_without_partner", array=other, missing=missing)
    return in_parts or [(x, y, "train") for x, y in PAIRS if x in by_name and y in by_name][:1]


def _unread(by_name: Mapping[str, NDArray[Any]]) -> list[Message]:
    """Warnings about arrays that a dataset cannot use."""
    read = {name for x, y, _ in _pairs(by_name) for name in (x, y)} | {*NAMES, "parts"}
    others = [name for name in by_name if name not in read]
    return [Message.of("arrays_not_read", **first(others, LISTED))] if others else []


def _pieces(by_name: Mapping[str, NDArray[Any]]) -> list[tuple[NDArray[Any], NDArray[Any], str]]:
    """Inputs, targets and the part that they belong to. Raises ImportFailed."""
    pieces = [(by_name[x], by_name[y], part) for x, y, part in _pairs(by_name)]
    if not pieces:
        raise ImportFailed("arrays_unknown", **first(list(by_name), LISTED), wanted=KNOWN)
    for inputs, targets, _ in pieces:
        if targets.ndim == 2 and targets.shape[1] == 1:
            targets.shape = targets.shape[:1]
        if inputs.ndim < 2 or targets.ndim != 1 or len(inputs) != len(targets) or not len(targets):
            raise ImportFailed("array_shapes_differ", inputs=inputs.shape, targets=targets.shape)
        if len(targets) > MOST_EXAMPLES:
            raise ImportFailed("too_many_examples", examples=len(targets), limit=MOST_EXAMPLES)
    return pieces


def _inputs(pieces: list[NDArray[Any]], reading: ImportOptions, scratch: Scratch) -> Any:
    """Inputs of all pieces in one array on disk, with the shape and type of a dataset."""
    if len({piece.shape[1:] for piece in pieces}) > 1:
        raise ImportFailed("part_shapes_differ", shapes=[str(piece.shape[1:]) for piece in pieces])
    sides = pieces[0].shape[1:]
    if len(sides) == 1 and reading.shape is not None:
        _refuse_no_pixels(pieces, reading.shape)
        rows = DiskArray(scratch(), refuse_other_shape(reading.shape, None), np.uint8)
    elif len(sides) == 1:
        if not 1 <= sides[0] <= MOST_COLUMNS:
            raise ImportFailed("too_many_columns", columns=sides[0], least=1, limit=MOST_COLUMNS)
        rows = DiskArray(scratch(), sides, np.float32)
    else:
        if any(piece.dtype != np.uint8 for piece in pieces) or len(sides) > 3:
            raise ImportFailed("inputs_unsupported", type=str(pieces[0].dtype), shape=pieces[0].shape)
        channels_last = len(sides) == 3 and sides[2] in (1, 3) and sides[0] not in (1, 3)
        if channels_last:
            pieces = [piece.transpose(0, 3, 1, 2) for piece in pieces]
        rows = DiskArray(scratch(), refuse_other_shape(pieces[0].shape[1:], reading.shape), np.uint8)
    at_once = max(1, PIECE_BYTES // rows.row_bytes)
    for piece in pieces:
        if piece.dtype.kind == "U":
            raise ImportFailed("inputs_are_texts")
        for start in range(0, len(piece), at_once):
            with np.errstate(over="ignore"):
                numbers = piece[start : start + at_once].astype(rows.dtype)
            if np.isinf(numbers).any():
                raise ImportFailed("input_not_finite")
            rows.append(numbers)
    return rows.mapped()


def _refuse_no_pixels(pieces: list[NDArray[Any]], shape: tuple[int, int, int]) -> None:
    """Raise ImportFailed unless the inputs (N, D) of all pieces are the pixels of pictures."""
    sizes = {"columns": pieces[0].shape[1], "pixels": prod(shape)}
    if sizes["columns"] != sizes["pixels"]:
        raise ImportFailed("pixel_columns_differ", **sizes, shape=shape, arrays=True)
    for piece in pieces:
        if piece.dtype.kind == "U":
            raise ImportFailed("inputs_are_texts")
        for start in range(0, len(piece), AT_ONCE):
            some = piece[start : start + AT_ONCE]
            wrong = some[~((some >= 0) & (some <= WHITE) & (some == np.round(some)))]
            if wrong.size:
                raise ImportFailed("inputs_are_no_pixels", value=f"{float(wrong.flat[0]):g}")


def _are_classes(targets: NDArray[Any], reading: ImportOptions) -> bool:
    return reading.task == "classification" or (reading.task is None and targets.dtype.kind != "f")


def _classes(targets: NDArray[Any], names: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    if targets.dtype.kind == "U":
        values, numbered = np.unique(targets, return_inverse=True)
        if not 2 <= len(values) <= CLASSES:
            raise ImportFailed("class_count_wrong", classes=len(values), limit=CLASSES)
        return numbered.astype(np.int64), _texts(values)
    if targets.dtype.kind == "f" and not (np.isfinite(targets) & (targets == np.round(targets))).all():
        raise ImportFailed("targets_not_whole")
    return targets.astype(np.int64), named_classes(targets, names)


def _numbers(targets: NDArray[Any]) -> NDArray[np.float32]:
    if targets.dtype.kind == "U":
        raise ImportFailed("targets_are_texts")
    with np.errstate(over="ignore"):
        numbers = targets.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ImportFailed("target_not_finite")
    if (numbers == numbers[0]).all():
        if (targets != targets[0]).any():
            raise same_as_float32(None, float(targets.min()), float(targets.max()))
        raise ImportFailed("target_constant", target=None, value=float(numbers[0]))
    return numbers


NPZ = Format("an .npz", ("shape", "task", "classes"), is_npz, read_npz)
