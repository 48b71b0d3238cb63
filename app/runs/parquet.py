"""Runs, and the points of their curves, as Parquet files that are written while they are read.

Memory is needed for one row group, however many there are.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from app.runs.sent_file import SentFile
from app.runs.table import COLUMNS, FURTHER, Kind, further, row
from app.storage import curves
from app.storage.series import Series, join
from app.storage.tables import Run

if TYPE_CHECKING:  # pyarrow takes a tenth of a second to load
    import pyarrow as pa

ROWS = 2**16  # points of a row group: a megabyte before compression
Points = tuple[str, str, Series]  # of a run and a series


def runs_file(pages: Iterable[Iterable[Run]], now: float) -> Iterator[bytes]:
    """A file with a row for each run. Each page is a row group."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "count": pa.int64(),
        "real": pa.float64(),
        "time": pa.timestamp("us", "UTC"),
        "json": pa.string(),
    }
    kinds = COLUMNS | FURTHER
    schema = pa.schema([(name, types[kind]) for name, kind in kinds.items()])

    def table(page: Iterable[Run]) -> "pa.Table":
        rows = [
            {name: VALUES[kind](value) for (name, kind), value in zip(kinds.items(), values, strict=True)}
            for values in ([*row(run, now), *further(run)] for run in page)
        ]
        return pa.Table.from_pylist(rows, schema)

    return _file(schema, map(table, pages))


def points_file(runs: Iterable[str], read: curves.Read) -> Iterator[bytes]:
    """A file with a row for each point of these runs: run, series, step and value."""
    import pyarrow as pa

    name = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("run", name), ("series", name), ("step", pa.int64()), ("value", pa.float64())])

    def table(pieces: list[Points]) -> "pa.Table":
        points = join(series for _, _, series in pieces)
        counts = [len(series.steps) for _, _, series in pieces]
        names = [run for run, _, _ in pieces], [series for _, series, _ in pieces]
        columns = [_repeated(each, counts) for each in names]
        return pa.Table.from_arrays([*columns, pa.array(points.steps), pa.array(points.values)], schema=schema)

    pieces = ((run, series, points) for run in runs for series, points in curves.all_pages(read, run))
    return _file(schema, map(table, _row_groups(pieces)))


def _file(schema: "pa.Schema", tables: Iterable["pa.Table"]) -> Iterator[bytes]:
    """A file with a row group for each table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = SentFile()
    with pq.ParquetWriter(pa.PythonFile(file, "w"), schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table)
            yield file.take()
    yield file.take()


def _row_groups(pieces: Iterable[Points]) -> Iterator[list[Points]]:
    """Pieces of together at most `ROWS` points; longer ones are cut."""
    group: list[Points] = []
    room = ROWS
    for run, name, points in pieces:
        start = 0
        while start < len(points.steps):
            part = slice(start, start + room)
            cut = Series(points.steps[part], points.values[part])
            group.append((run, name, cut))
            start, room = start + room, room - len(cut.steps)
            if not room:
                yield group
                group, room = [], ROWS
    if group:
        yield group


def _repeated(names: list[str], counts: list[int]) -> "pa.DictionaryArray":
    """Each name as often as its count says."""
    import pyarrow as pa

    distinct = list(dict.fromkeys(names))
    places = {name: place for place, name in enumerate(distinct)}
    indices = np.repeat(np.array([places[name] for name in names], np.int32), counts)
    return pa.DictionaryArray.from_arrays(indices, distinct)


def _count(value: Any) -> int | None:
    """An integer; None for anything else, such as the batch size "full"."""
    return value if isinstance(value, int) else None


def _real(value: Any) -> float | None:
    return None if value is None else float(value)


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


VALUES: dict[Kind, Callable[[Any], Any]] = {
    "text": lambda value: value,
    "count": _count,
    "real": _real,
    "time": _time,
    "json": _json,
}
