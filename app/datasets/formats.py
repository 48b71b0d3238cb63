"""What an upload is, told by its content, and the reader for it."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from app.datasets import idx, parquet, tar
from app.datasets.archives import members, zip_file
from app.datasets.columns import listed
from app.datasets.delimited import BOMS, Delimited
from app.datasets.errors import ImportFailed
from app.datasets.folders import read_folders
from app.datasets.idx import PAIRS, read_idx_pairs
from app.datasets.npz import read_npz
from app.datasets.reading import Imported, Reading, Scratch, Tell
from app.datasets.tables import read_table
from app.datasets.upload import Upload

FILE = "file"  # the one part of most uploads
ROLES = (FILE, *(name for pair in PAIRS.values() for name in pair))
# What may be said of how each is to be read.
OF_ARCHIVES, OF_IDX, OF_NPZ, OF_TABLES = (
    ("shape", "resize", "background"),
    ("shape", "classes"),
    ("shape", "task", "classes"),
    ("target", "task", "types"),
)
READ = "a .zip or .tar (also .gz, .bz2, .xz or .zst) with a folder a class, an .npz, IDX pairs, CSV or Parquet"


def read(parts: Mapping[str, Path], reading: Reading, scratch: Scratch, tell: Tell) -> Imported:
    """The dataset in an upload's files, by their roles. Its arrays lie in files of `scratch`, mapped into memory.

    Raises ImportFailed, and what `tell` raises.
    """
    uploads = {role: Upload(path) for role, path in parts.items()}
    with ExitStack() as files:  # what is mapped stays when its file is closed
        return _read(uploads, reading, lambda: files.enter_context(scratch()), tell)


def _read(uploads: Mapping[str, Upload], reading: Reading, scratch: Scratch, tell: Tell) -> Imported:
    if FILE not in uploads:
        refuse_others(reading, "IDX files", OF_IDX)
        return read_idx_pairs(uploads, reading, scratch, tell)
    upload = uploads[FILE]
    if upload.is_zip:
        if _is_npz(upload):
            refuse_others(reading, "an .npz", OF_NPZ)
            return read_npz(upload, reading, scratch, tell)
        refuse_others(reading, "an archive of pictures", OF_ARCHIVES)
        return read_folders(members(upload, tell), reading, scratch)
    beginning = upload.beginning()
    if tar.begins_one(beginning):
        refuse_others(reading, "an archive of pictures", OF_ARCHIVES)
        return read_folders(members(upload, tell), reading, scratch)
    if beginning.startswith(parquet.MAGIC):
        if upload.is_compressed:
            raise ImportFailed("the Parquet file is compressed once more; send it as it is")
        return read_table(parquet.Parquet(upload), reading, scratch, tell)
    if beginning.startswith(idx.BEGINNING):
        raise ImportFailed("this is one IDX file; send pictures and labels together: -F images=@FILE -F labels=@FILE")
    is_text = b"\0" not in beginning or beginning.startswith(tuple(BOMS))
    if not is_text or not beginning.strip():
        raise ImportFailed(f"this is nothing that can be read; send {READ}")
    table = Delimited(upload)
    if reading.target is None:
        what = f"If it is a table with the columns {listed(table.names)}"
        raise ImportFailed(f"this is no archive; send {READ}. {what}: say with target= which is to be predicted")
    return read_table(table, reading, scratch, tell)


def _is_npz(upload: Upload) -> bool:
    """A zip of nothing but arrays."""
    try:
        with zip_file(upload) as archive:
            names = archive.namelist()
    except ImportFailed:
        raise
    except Exception:  # it is damaged, and its reader says how
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)
