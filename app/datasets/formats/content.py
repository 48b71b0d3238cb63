"""Format detection by content, and reading with the detected format."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from app.datasets.errors import ImportFailed
from app.datasets.formats import idx
from app.datasets.formats.archives import zip_file
from app.datasets.formats.columns import listed
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.delimited import DELIMITED, Delimited
from app.datasets.formats.folders import FOLDERS
from app.datasets.formats.format import Format, refuse_others
from app.datasets.formats.npz import NPZ
from app.datasets.formats.parquet import PARQUET
from app.datasets.import_options import Imported, ImportOptions, Scratch, Tell

FORMATS = (NPZ, FOLDERS, PARQUET, DELIMITED)  # the first that recognises a file reads it
FILE = "file"  # the one part of most uploads
ROLES = (FILE, *(name for pair in idx.PAIRS.values() for name in pair))
READ = "a .zip or .tar (also .gz, .bz2, .xz or .zst) with a folder a class, an .npz, IDX pairs, CSV or Parquet"

# What other files begin with, or hold if they are zips; and what would be right.
OTHERS = {
    b"%PDF-": ("a PDF", "send the table in it as CSV, or its pictures in folders"),
    b"7z\xbc\xaf\x27\x1c": ("a .7z archive", "pack it as .zip or .tar.gz"),
    b"Rar!\x1a\x07": ("a .rar archive", "pack it as .zip or .tar.gz"),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("a file of an older Office, such as .xls", "save the sheet as CSV"),
    b"SQLite format 3\0": ("an SQLite database", "send the table in it as CSV"),
    b"\x89HDF\r\n\x1a\n": ("an HDF5 file", "save its arrays as .npz"),
    b"\x93NUMPY": ("one array, an .npy", "save inputs and targets together, as .npz"),
}
WORKBOOKS = {
    "xl/workbook.xml": "an Excel workbook (.xlsx)",
    "xl/workbook.bin": "an Excel workbook (.xlsb)",
    "META-INF/manifest.xml": "a document of LibreOffice, such as .ods",
}


def read(parts: Mapping[str, Path], reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """The dataset in an upload's files, by their roles. Its arrays lie in files of `scratch`, mapped into memory.

    Raises ImportFailed, and what `tell` raises.
    """
    uploads = {role: CompressedFile(path) for role, path in parts.items()}
    with ExitStack() as files:  # what is mapped stays when its file is closed
        kept: Scratch = lambda: files.enter_context(scratch())  # noqa: E731
        if FILE not in uploads:
            refuse_others(reading, "a pair of IDX files", idx.OPTIONS)
            return idx.read_idx_pairs(uploads, reading, kept, tell)
        found = _format(uploads[FILE], reading)
        refuse_others(reading, found.name, found.takes)
        return found.read(uploads[FILE], reading, kept, tell)


def _format(upload: CompressedFile, reading: ImportOptions) -> Format:
    """Raises ImportFailed."""
    if upload.beginning.startswith(idx.BEGINNING):
        raise ImportFailed("idx_without_partner")
    other = _other(upload)
    if other is not None:
        what, advice = other
        raise ImportFailed("other_format", what=what, advice=advice)
    found = next((format for format in FORMATS if format.recognises(upload)), None)
    if found is None and reading.encoding is not None:  # UTF-16 without a mark does not look like a text
        found = DELIMITED
    if found is None:
        raise ImportFailed("unknown_format", formats=READ, maybe_text=bool(upload.beginning))
    if found is DELIMITED and reading.target is None:  # any text may be a table
        columns = listed(Delimited(upload, reading.encoding).names)
        raise ImportFailed("text_without_target", formats=READ, **columns)
    return found


def _other(upload: CompressedFile) -> tuple[str, str] | None:
    """A known format that is none of these, and what to do about it."""
    found = next((what for magic, what in OTHERS.items() if upload.beginning.startswith(magic)), None)
    if found is None and upload.is_zip:
        with suppress(Exception), zip_file(upload) as archive:  # a damaged one is for its reader
            members = archive.namelist()
            found = next(((what, "save its sheet as CSV") for name, what in WORKBOOKS.items() if name in members), None)
    return found
