"""What an upload is, told by its content, and read by its format."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from app.datasets.errors import ImportFailed
from app.datasets.formats import idx
from app.datasets.formats.columns import listed
from app.datasets.formats.delimited import DELIMITED, Delimited
from app.datasets.formats.folders import FOLDERS
from app.datasets.formats.format import Format, refuse_others
from app.datasets.formats.npz import NPZ
from app.datasets.formats.parquet import PARQUET
from app.datasets.formats.upload import Upload
from app.datasets.reading import Imported, Reading, Scratch, Tell

FORMATS = (NPZ, FOLDERS, PARQUET, DELIMITED)  # the first that recognises a file reads it
FILE = "file"  # the one part of most uploads
ROLES = (FILE, *(name for pair in idx.PAIRS.values() for name in pair))
READ = "a .zip or .tar (also .gz, .bz2, .xz or .zst) with a folder a class, an .npz, IDX pairs, CSV or Parquet"


def read(parts: Mapping[str, Path], reading: Reading, scratch: Scratch, tell: Tell) -> Imported:
    """The dataset in an upload's files, by their roles. Its arrays lie in files of `scratch`, mapped into memory.

    Raises ImportFailed, and what `tell` raises.
    """
    uploads = {role: Upload(path) for role, path in parts.items()}
    with ExitStack() as files:  # what is mapped stays when its file is closed
        kept: Scratch = lambda: files.enter_context(scratch())  # noqa: E731
        if FILE not in uploads:
            refuse_others(reading, "a pair of IDX files", idx.OPTIONS)
            return idx.read_idx_pairs(uploads, reading, kept, tell)
        found = _format(uploads[FILE], reading)
        refuse_others(reading, found.name, found.takes)
        return found.read(uploads[FILE], reading, kept, tell)


def _format(upload: Upload, reading: Reading) -> Format:
    """Raises ImportFailed."""
    if upload.beginning.startswith(idx.BEGINNING):
        raise ImportFailed("this is one IDX file; send pictures and labels together: -F images=@FILE -F labels=@FILE")
    found = next((format for format in FORMATS if format.recognises(upload)), None)
    if found is None:
        raise ImportFailed(f"this is nothing that can be read; send {READ}")
    if found is DELIMITED and reading.target is None:  # any text may be a table
        what = f"If it is a table with the columns {listed(Delimited(upload).names)}"
        raise ImportFailed(f"this is no archive; send {READ}. {what}: say with target= which is to be predicted")
    return found
