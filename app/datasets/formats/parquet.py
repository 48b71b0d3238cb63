"""Parquet: a table whose columns have types."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import Row
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.format import Format
from app.datasets.formats.survey import refuse_too_many
from app.datasets.formats.tables import OPTIONS, plain, read_table
from app.datasets.import_options import Imported, ImportOptions, Scratch, Skipped, Tell
from app.messages import Message

MAGIC = b"PAR1"
ROWS_AT_ONCE = 1024
LETTERS = 500  # of Arrow's error messages


class Parquet:
    """Parquet table of numbers, booleans and texts. Columns of dates or nested values have only missing values."""

    def __init__(self, upload: CompressedFile) -> None:
        import pyarrow.parquet as pq

        self.upload, self.comma = upload, False
        with _sound():
            about = pq.read_metadata(upload.path)
            schema = about.schema.to_arrow_schema()
            self.names = list(schema.names)
            held = {name: _unread(kind) for name, kind in zip(schema.names, schema.types, strict=True)}
        refuse_too_many(about.num_rows, len(self.names))  # repeats are stored once, so tiny files may be huge tables
        self.unread = {name: what for name, what in held.items() if what is not None}
        self.about: dict[str, Any] = {"unread_columns": list(self.unread)} if self.unread else {}
        self.warnings: list[Message] = []
        self.line: int | None = None

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]:
        """Rows of the table. Unsupported values are missing."""
        import pyarrow.parquet as pq

        del skipped  # every Parquet row is complete
        wanted = [name for name in self.names if name not in self.unread]
        with _sound():
            file = pq.ParquetFile(self.upload.path)
        with file:
            total, count = max(1, file.metadata.num_rows), 0
            batches = file.iter_batches(ROWS_AT_ONCE, columns=wanted)
            while True:
                with _sound():
                    batch = next(batches, None)
                    if batch is None:
                        return
                    columns = {name: batch.column(name).to_pylist() for name in batch.schema.names}
                nothing = [None] * batch.num_rows
                ordered = [columns.get(name, nothing) for name in self.names]
                count += batch.num_rows
                tell(min(1.0, count / total), count)
                yield from (tuple(plain(value) for value in row) for row in zip(*ordered, strict=True))


@contextmanager
def _sound() -> Iterator[None]:
    """Context that turns Arrow's various errors on damaged files into ImportFailed."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise ImportFailed("parquet_damaged", reason=str(error)[:LETTERS]) from error


def _unread(kind: Any) -> str | None:
    """Noun phrase for the values of an unsupported column type; None for a supported one."""
    from pyarrow import types

    if types.is_dictionary(kind):
        return _unread(kind.value_type)
    if any(
        fits(kind)
        for fits in (types.is_integer, types.is_floating, types.is_boolean, types.is_string,
                     types.is_large_string, types.is_decimal, types.is_null,
                     types.is_date, types.is_timestamp)
    ):  # fmt: skip
        return None
    if types.is_temporal(kind):
        return "times of day or durations"
    return "nested values" if types.is_nested(kind) else f"values of the type {kind}"[:LETTERS]


def read_parquet(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read a Parquet table as a dataset. Raises ImportFailed."""
    if upload.is_compressed:
        raise ImportFailed("parquet_compressed")
    return read_table(Parquet(upload), reading, scratch, tell)


PARQUET = Format("a Parquet table", OPTIONS, lambda upload: upload.beginning.startswith(MAGIC), read_parquet)
