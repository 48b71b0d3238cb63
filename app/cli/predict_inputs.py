"""Inputs of `antigrad predict`: pictures from files, folders and archives, rows from CSV files and .npz."""

import json
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.cli.http import REFUSED, exit_with
from app.cli.output import say
from app.datasets.formats.ignored_files import JUNK
from app.messages.vocabulary import CLI
from app.os_errors import reason_of

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
MOST_BYTES = 64 * 1024**2  # of a picture, as the service has it


@dataclass(frozen=True)
class Input:
    """A picture's file, or a row as JSON. `name` is how results and errors refer to it."""

    name: str
    body: bytes


@dataclass(frozen=True)
class Columns:
    """The columns that a run reads: whether each is a number, by its name; none if the inputs have no names. The shape
    of one input, and the names of its numbers, of which a category has several."""

    numeric: dict[str, bool]
    shape: tuple[int, ...]
    grouped: frozenset[str] = frozenset()  # numbers with points between thousands
    features: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: dict[str, Any]) -> "Columns":
        """The columns of a dataset as the service describes it."""
        features = tuple(dataset["feature_names"])
        if dataset["columns"]:
            used = [column for column in dataset["columns"] if column["type"] != "ignore"]
            grouped = frozenset(column["name"] for column in used if column.get("notation") == "grouped")
            numeric = {column["name"]: column["type"] == "number" for column in used}
            return cls(numeric, tuple(dataset["shape"]), grouped, features)
        return cls(dict.fromkeys(features, True), tuple(dataset["shape"]), features=features)


def is_table(path: Path) -> bool:
    return path.name.lower().endswith((*TABLES, ".npz"))


def pictures(paths: Sequence[Path]) -> Iterator[Input]:
    """The pictures of files, folders and archives. Those of a folder or a .zip are in the order of their names.

    Whatever else a folder or an archive holds is left out, and counted on stderr.
    """
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path)
        elif path.name.lower().endswith(ARCHIVES):
            yield from _in_archive(path)
        else:
            yield _picture(path)


def _picture(path: Path) -> Input:
    try:
        return Input(str(path), path.read_bytes())
    except OSError as error:
        exit_with(REFUSED, f"{path} cannot be read: {reason_of(error)}")


def picture_count(paths: Sequence[Path]) -> int | None:
    """The number of pictures in files and folders; None with an archive, which would have to be read for it."""
    if any(path.is_file() and path.name.lower().endswith(ARCHIVES) for path in paths):
        return None
    return sum(sum(map(_is_picture, _files(path))) if path.is_dir() else 1 for path in paths)


def _files(folder: Path) -> list[str]:
    """The names of a folder's files, without symbolic links."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _in_folder(folder: Path) -> Iterator[Input]:
    names = _files(folder)
    yield from (_picture(folder / name) for name in names if _is_picture(name))
    _say_left_out(str(folder), names)


def _in_archive(path: Path) -> Iterator[Input]:
    try:
        with _zip(path) if zipfile.is_zipfile(path) else _tar(path) as members:
            names = []
            for name, file in members:
                names.append(name)
                if _is_picture(name):
                    yield Input(f"{path}/{name}", _bounded(file, f"{path}/{name}"))
            _say_left_out(str(path), names)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, NotImplementedError, RuntimeError) as error:
        exit_with(REFUSED, f"{path} cannot be read as an archive: {error}")


@contextmanager
def _zip(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    with zipfile.ZipFile(path) as archive:

        def members() -> Iterator[tuple[str, IO[bytes]]]:
            for member in sorted(archive.infolist(), key=lambda item: item.filename):
                if not member.is_dir():
                    with archive.open(member) as file:
                        yield member.filename, file

        yield members()


@contextmanager
def _tar(path: Path) -> Iterator[Iterator[tuple[str, IO[bytes]]]]:
    with tarfile.open(path) as archive:

        def members() -> Iterator[tuple[str, IO[bytes]]]:
            for member in archive:
                if member.isfile() and (file := archive.extractfile(member)) is not None:
                    yield member.name, file

        yield members()


def _bounded(file: IO[bytes], name: str) -> bytes:
    """A file's content. Ends the command if it is larger than any picture may be."""
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        exit_with(REFUSED, f"{name} is over {MOST_BYTES:,} bytes")
    return data


def _is_picture(name: str) -> bool:
    return name.lower().endswith(PICTURES) and not JUNK.search(name)


def _say_left_out(source: str, names: Sequence[str]) -> None:
    others = [name for name in names if not _is_picture(name) and not JUNK.search(name)]
    if others:
        say(f"{source}: left out {len(others)} files that are no pictures, such as {others[0]}", err=True)


def rows(path: Path, columns: Columns) -> Iterator[Input]:
    """The rows of a CSV file or .npz as JSON."""
    return _of_npz(path, columns) if path.suffix.lower() == ".npz" else _of_csv(path, columns)


def _of_csv(path: Path, columns: Columns) -> Iterator[Input]:
    """Rows by the names in the header. Encoding, separator and decimal commas are found as for a dataset."""
    from app.datasets.errors import ImportFailed  # imported late, here and below: they load NumPy
    from app.datasets.formats.compressed_file import CompressedFile
    from app.datasets.formats.delimited import Delimited
    from app.datasets.formats.numbers import Notation, as_json, number
    from app.datasets.import_options import ImportOptions, Skipped

    if len(columns.shape) != 1:
        exit_with(REFUSED, f"{path}: the run predicts from pictures; give pictures, a folder, an archive or an .npz")

    def value(name: str, text: str) -> Any:
        return as_json(text, columns.numeric.get(name, False), "grouped" if name in columns.grouped else notation)

    skipped = Skipped("row")
    try:
        table = Delimited(CompressedFile(path), ImportOptions())
        notation: Notation = "comma" if table.comma else "point"
        names = [name.strip() for name in table.names]
        if not table.has_header and columns.numeric and not columns.numeric.keys() & set(names):
            exit_with(REFUSED, f"{path}: the first line looks like a row; write the names of the columns there")
        by_name = bool(columns.numeric)
        for place, row in enumerate(table.rows(skipped, lambda *_: None), start=1):
            if skipped.count:
                break
            values = {name: value(name, str(text)) for name, text in zip(names, row, strict=True)}
            sent: Any = values if by_name else [number(str(text), notation) for text in row]
            yield Input(f"{path} row {place}", json.dumps(sent).encode())
    except ImportFailed as error:
        exit_with(REFUSED, f"{path}: {error.message.text(CLI)}")
    except ValueError as error:
        exit_with(REFUSED, f"{path}: the run's inputs have no names, so each value must be a number: {error}")
    for item in skipped.first[:1]:
        exit_with(REFUSED, f"{path}, {item['file']} {item['reason']}")


def _of_npz(path: Path, columns: Columns) -> Iterator[Input]:
    """The inputs of an .npz, by the names that a dataset's may have; colours may be the last axis."""
    import numpy as np

    from app.datasets.formats.npz import IN_PARTS, INPUTS

    try:
        with np.load(path, allow_pickle=False) as arrays:
            names = [name for name in (*INPUTS, *(part[0] for part in reversed(IN_PARTS))) if name in arrays]
            if not names:
                exit_with(REFUSED, f"{path} has no inputs; call the array {', '.join(INPUTS)} or x_test")
            inputs = arrays[names[0]]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        exit_with(REFUSED, f"{path} cannot be read: {error}")
    if inputs.ndim == 4 and len(columns.shape) == 3 and inputs.shape[1:] != columns.shape:
        inputs = inputs.transpose(0, 3, 1, 2) if inputs.shape[-1] == columns.shape[0] else inputs
    for place, row in enumerate(inputs):
        yield Input(f"{path} row {place + 1}", json.dumps(row.tolist()).encode())
