"""Inputs of a prediction in files: arrays (.npy, .npz, safetensors), archives of pictures, and tables (CSV).

Their bytes are hostile, and read as those of datasets are. All of this is too slow for the event loop.
"""

import io
import tempfile
from codecs import getincrementaldecoder
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.datasets.errors import ImportFailed
from app.datasets.formats.archives import Noticed, members, zip_file
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.delimited import Delimited
from app.datasets.formats.npz import INPUTS, MEMBERS, is_npz, read_header
from app.datasets.formats.numbers import Notation, as_json
from app.datasets.import_options import ImportOptions, Skipped
from app.errors import Invalid, InvalidFields, TooLarge
from app.serving.instances import MOST, Column, Columns, wrong_names

NPY, ZIP, EMPTY_ZIP = b"\x93NUMPY", b"PK\3\4", b"PK\5\6"
UNPACKED_BYTES = 256 * 1024**2
BEGINNING = 4096  # bytes by which text is recognised: no format of pictures begins with as much
SAFETENSORS_HEADER = 8  # bytes: the length of the JSON that follows


def is_file(body: bytes) -> bool:
    """True if the body begins like an array or an archive."""
    return body.startswith((NPY, ZIP, EMPTY_ZIP)) or is_safetensors(body)


def is_array(body: bytes) -> bool:
    """True for .npy, .npz and safetensors; else the file is an archive of pictures. Raises Invalid."""
    if not body.startswith(ZIP):
        return body.startswith(NPY) or is_safetensors(body)
    with _on_disk(body) as file:
        try:
            return is_npz(file)
        except ImportFailed as error:
            raise Invalid.because(error, "") from error


def is_safetensors(body: bytes) -> bool:
    """True if the body begins with the length of a JSON object, and that object."""
    length = int.from_bytes(body[:SAFETENSORS_HEADER], "little")
    return 0 < length < len(body) and body[SAFETENSORS_HEADER : SAFETENSORS_HEADER + 1] == b"{"


def is_text(body: bytes) -> bool:
    """True if the body begins as UTF-8 without zero bytes; false if it is empty."""
    beginning, decoder = body[:BEGINNING], getincrementaldecoder("utf-8")()
    try:
        return bool(body) and "\0" not in decoder.decode(beginning, final=len(body) <= BEGINNING)
    except UnicodeDecodeError:
        return False


def read_array(body: bytes, shape: tuple[int, ...], may_miss: bool) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Inputs (N, *shape) from an array of any layout that has as many numbers; colours may be the last axis.

    With `may_miss`, NaN is allowed. Raises Invalid and TooLarge.
    """
    try:
        array = _array(body)
    except ImportFailed as error:
        raise Invalid.because(error, "") from error
    values = _in_shape(array, shape)
    if not 1 <= len(values) <= MOST:
        raise Invalid("instance_count", "", count=len(values), limit=MOST)
    if values.dtype == np.uint8:
        return np.array(values, order="C")
    with np.errstate(over="ignore"):
        numbers = np.array(values, np.float32, order="C")
    wrong = np.isinf(numbers) if may_miss else ~np.isfinite(numbers)
    if wrong.any():
        place = int(np.flatnonzero(wrong.reshape(len(numbers), -1).any(1))[0])
        raise Invalid("instance_not_finite", f"/{place}")
    return numbers


def _array(body: bytes) -> NDArray[Any]:
    """The only array of a file, or the one with a name that stands for inputs. Raises ImportFailed."""
    if body.startswith(NPY):
        return _from_npy(body, "the array")
    if body.startswith(ZIP):
        return _chosen(_in_npz(body))
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return _chosen(load(body))
    except (SafetensorError, TypeError, KeyError) as error:  # a type that NumPy has not
        raise ImportFailed("file_damaged", reason=str(error)[:200]) from error


def _in_npz(body: bytes) -> dict[str, NDArray[Any]]:
    with _on_disk(body) as file, zip_file(file) as archive:
        arrays, left = {}, UNPACKED_BYTES
        for info in archive.infolist()[:MEMBERS]:
            left -= info.file_size
            if left < 0:
                raise TooLarge("unpacked_too_large", limit=UNPACKED_BYTES)
            try:
                content = archive.read(info)
            except Exception as error:  # zipfile raises almost anything on damaged files
                raise ImportFailed("member_damaged", file=info.filename, reason=str(error)[:200]) from error
            name = info.filename.removesuffix(".npy")
            arrays[name] = _from_npy(content, name)
        return arrays


def _from_npy(content: bytes, name: str) -> NDArray[Any]:
    file = io.BytesIO(content)
    shape, is_fortran, dtype = read_header(file, name)
    data = content[file.tell() :]
    if dtype.kind == "U":
        raise ImportFailed("array_type_unsupported", array=name, type=str(dtype))
    if prod(shape) * dtype.itemsize > len(data):
        raise ImportFailed("array_cut_off", file=name, bytes=prod(shape) * dtype.itemsize - len(data))
    return np.frombuffer(data, dtype, prod(shape)).reshape(shape, order="F" if is_fortran else "C")


def _chosen(arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    named = [arrays[name] for name in INPUTS if name in arrays]
    if named:
        return named[0]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise ImportFailed("inputs_not_named", arrays=list(arrays)[:20], names=INPUTS)


def _in_shape(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """The array as (N, *shape). Raises Invalid."""
    size = prod(shape)
    plane = shape[1:] if len(shape) == 3 and shape[0] == 1 else shape
    colours_last = (*shape[1:], shape[0]) if len(shape) == 3 else None
    if array.shape in (shape, plane, (size,)):  # a single input
        array = array[None]
    each = array.shape[1:]
    if each == colours_last and each != shape:
        return np.moveaxis(array, -1, 1)
    if each in (shape, plane, (size,)):
        return array.reshape(-1, *shape)
    raise Invalid("array_shape_differs", "", shape=list(array.shape), wanted=list(shape), size=size)


def pictures_of(body: bytes) -> dict[str, bytes]:
    """The pictures of an archive by name, without hidden and system files. Raises Invalid and TooLarge."""
    pictures: dict[str, bytes] = {}
    left = UNPACKED_BYTES
    with _on_disk(body) as file:
        try:
            for member in members(file, Noticed(), lambda *_: None):
                if member.reason is not None:
                    raise Invalid("member_unreadable", "", file=member.name, reason=member.reason)
                left -= len(member.data)
                if left < 0:
                    raise TooLarge("unpacked_too_large", limit=UNPACKED_BYTES)
                pictures[member.name] = member.data
                if len(pictures) > MOST:
                    raise Invalid("instance_count", "", count=len(pictures), limit=MOST)
        except ImportFailed as error:
            raise Invalid.because(error, "") from error
    if not pictures:
        raise Invalid("archive_without_pictures", "")
    return pictures


class Rows(NamedTuple):
    """The rows of a table as JSON has them, objects if it has a header and else lists; and the line of each."""

    values: list[Any]
    lines: list[int]

    def place(self, index: int) -> str:
        """The pointer to a row."""
        return f"/line/{self.lines[index]}"


def rows_of(body: bytes, columns: Columns) -> Rows:
    """The rows of a CSV file. Encoding, separator and decimal commas are found as for a dataset. Raises Invalid."""
    by_name = {column.name: column for column in columns.inputs}
    skipped = Skipped("row")
    rows = Rows([], [])
    with _on_disk(body) as file:
        try:
            table = Delimited(file, ImportOptions())
            notation: Notation = "comma" if table.comma else "point"
            names = [name.strip() for name in table.names]
            if columns.inputs and table.has_header:
                wrong, further = wrong_names(names, columns, f"/line/{table.above + 1}")
                if wrong:
                    raise InvalidFields(wrong, further)
            for row in table.rows(skipped, lambda *_: None):
                if skipped.count:
                    break
                texts = map(str, row)
                if columns.inputs and table.has_header:
                    cells = zip(names, texts, strict=True)
                    rows.values.append({name: _cell(text, by_name.get(name), notation) for name, text in cells})
                else:
                    rows.values.append([as_json(text, True, notation) for text in texts])
                rows.lines.append(table.line or 0)
                if len(rows.lines) > MOST:
                    raise Invalid("instance_count", "", count=len(rows.lines), limit=MOST)
        except ImportFailed as error:
            raise Invalid.because(error, "") from error
    for item in skipped.first[:1]:
        raise Invalid("row_unreadable", "", row=item["file"], reason=item["reason"])
    return rows


def _cell(text: str, column: Column | None, notation: Notation) -> str | float | None:
    """A cell's value; a column that the run does not read may hold anything."""
    is_numeric = column is not None and column.categories is None and column.dates is None
    return as_json(text, is_numeric, column.notation or notation if column else notation)


@contextmanager
def _on_disk(body: bytes) -> Iterator[CompressedFile]:
    """The body as a file: archives are read from both ends."""
    with tempfile.NamedTemporaryFile(prefix="antigrad-predict-") as file:
        file.write(body)
        file.flush()
        yield CompressedFile(Path(file.name))
