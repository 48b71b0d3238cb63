"""Reading of exported files by other people's programs."""

import io
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.util.tensor_util import make_ndarray

Points = dict[str, tuple[list[int], list[float]]]


def parquet_rows(content: bytes) -> list[dict[str, Any]]:
    """The rows of a Parquet file, as Arrow reads it."""
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


def tensorboard_points(content: bytes, folder: Path) -> dict[str, Points]:
    """Steps and values by folder and tag, as TensorBoard reads them from the unpacked zip."""
    folder.mkdir(exist_ok=True)
    with ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return {run.name: _read(run) for run in folder.iterdir()}


def _read(folder: Path) -> Points:
    events = EventAccumulator(str(folder), size_guidance={TENSORS: 0})
    events.Reload()
    points = {}
    for tag in events.Tags()[TENSORS]:
        assert events.SummaryMetadata(tag).plugin_data.plugin_name == "scalars"
        found = events.Tensors(tag)
        points[tag] = [event.step for event in found], [make_ndarray(event.tensor_proto).item() for event in found]
    return points
