"""Format detection by content, and reading with the detected format."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from app.datasets.errors import ImportFailed
from app.datasets.formats import idx
from app.datasets.formats.archives import zip_file
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.delimited import DELIMITED, Delimited
from app.datasets.formats.folders import FOLDERS
from app.datasets.formats.format import Format, refuse_others
from app.datasets.formats.npz import NPZ
from app.datasets.formats.parquet import PARQUET
from app.datasets.formats.survey import listed
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell

FORMATS = (NPZ, FOLDERS, PARQUET, DELIMITED)  # the first that recognises a file reads it
FILE = "file"  # the only part of most uploads
ROLES = (FILE, *(name for pair in idx.PAIRS.values() for name in pair))
READ = "a .zip or .tar (also .gz, .bz2, .xz or .zst) with a folder for each class, an .npz, IDX pairs, CSV or Parquet"

# Known formats that cannot be imported, with advice: by their first bytes, or if they are zips, by a member.
OTHERS = {
    b"%PDF-": ("a PDF", "send the table in it as CSV, or its pictures in folders"),
    b"7z\xbc\xaf\x27\x1c": ("a .7z archive", "pack it as .zip or .tar.gz"),
    b"Rar!\x1a\x07": ("a .rar archive", "pack it as .zip or .tar.gz"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a file of an older Office version, such as .xls", "save the sheet as CSV"),
    b"SQLite format 3\0": ("an SQLite database", "send the table in it as CSV"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "save its arrays as .npz"),
    b"\x93NUMPY": ("a single array, an .npy", "save inputs and targets together, as .npz"),
}
WORKBOOKS = {
    "xl/workbook.xml": "an Excel workbook (.xlsx)",
    "xl/workbook.bin": "an Excel workbook (.xlsb)",
    "META-INF/manifest.xml": "a LibreOffice document, such as .ods",
}


def read(parts: Mapping[str, Path], reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read the dataset in an upload's files, given by their roles. Its arrays are memory-mapped files from `scratch`.

    Raises ImportFailed, and whatever `tell` raises.
    """
    uploads = {role: CompressedFile(path) for role, path in parts.items()}
    with ExitStack() as files:  # a mapping stays valid when its file is closed
        kept: Scratch = lambda: files.enter_context(scratch())  # noqa: E731
        if FILE not in uploads:
            refuse_others(reading, "a pair of IDX files", idx.OPTIONS)
            return idx.read_idx_pairs(uploads, reading, kept, tell)
        detected = _format(uploads[FILE], reading)
        refuse_others(reading, detected.name, detected.takes)
        return detected.read(uploads[FILE], reading, kept, tell)


def _format(upload: CompressedFile, reading: ImportOptions) -> Format:
    """Detect the format of an upload. Raises ImportFailed."""
    if upload.beginning.startswith(idx.BEGINNING):
        raise ImportFailed("idx_without_partner")
    other = _other(upload)
    if other is not None:
        what, advice = other
        raise ImportFailed("other_format", what=what, advice=advice)
    detected = next((format for format in FORMATS if format.recognises(upload)), None)
    if detected is None and reading.encoding is not None:  # UTF-16 without a byte order mark does not look like text
        detected = DELIMITED
    if detected is None:
        raise ImportFailed("unknown_format", formats=READ, maybe_text=bool(upload.beginning))
    if detected is DELIMITED and reading.target is None:  # any text may be a table
        columns = listed(Delimited(upload, reading).names)
        raise ImportFailed("text_without_target", formats=READ, **columns)
    return detected


def _other(upload: CompressedFile) -> tuple[str, str] | None:
    """Name of a known format that cannot be imported, and advice; None for any other file."""
    other = next((what for magic, what in OTHERS.items() if upload.beginning.startswith(magic)), None)
    if other is None and upload.is_zip:
        with suppress(Exception), zip_file(upload) as archive:  # a damaged zip is reported by its reader
            members = archive.namelist()
            other = next(((what, "save its sheet as CSV") for name, what in WORKBOOKS.items() if name in members), None)
    return other
