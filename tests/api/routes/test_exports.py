"""Exports have the numbers of the API, those that the caller may see, in memory that does not grow with them."""

import json
import tracemalloc
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from app.access import Scope
from app.api.run_table import COLUMNS
from app.runs import parquet
from app.runs.event_files import event_files
from app.storage import curves
from app.storage.database import Database
from app.storage.tables import Run
from tests.support.exports import parquet_rows, tensorboard_points
from tests.support.keys import new_key, until_known
from tests.support.rows import insert_run
from tests.support.runs import SMALL, queue
from tests.support.services import KEY, Service, Template

LOSSES = {"train.loss": ([*range(1, 301)], [1 / step for step in range(1, 301)])}
RESULTS = {
    "validation.loss": ([100, 200, 300], [0.5, float("nan"), float("-inf")]),
    "validation.accuracy": ([300], [1]),
}
SAMPLED = {"layer.0.gradient_norm": ([1, 64], [0.1, 1e-300])}


@pytest.fixture
def filled(client: TestClient, service: Service) -> TestClient:
    """Runs with a curve of several chunks, with one of a single point, and without one."""
    queue(client, SMALL | {"name": "waits", "tags": {"course": "ml"}})
    metrics = {"train": {"loss": 0.1 + 0.2, "accuracy": 1.0}, "validation": {"loss": "Infinity"}, "test": None}
    done = {"finished_at": 1_782_000_000.123456, "progress": {"step": 300, "epoch": 3, "seconds": 1.5}, "bytes": 2**40}
    with service.database.write() as db:
        insert_run(db, "run_1", name="буквы", tags={"course": "ml"}, metrics=metrics, **done)
        insert_run(db, "run_2", "failed", request={"batch_size": "full", "seed": 2**63 - 1}, owner="s1")
        for first in range(0, 300, 100):
            part = slice(first, first + 100)
            curves.append(db, "run_1", {name: (steps[part], values[part]) for name, (steps, values) in LOSSES.items()})
        curves.append(db, "run_1", RESULTS | SAMPLED)
        curves.append(db, "run_2", {"train.loss": ([1], [2.5])})
    return client


def export(client: TestClient, path: str = "/export.parquet", **query: Any) -> bytes:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    return answer.content


@pytest.mark.sql
def test_a_table_of_runs_has_what_the_api_says(filled: TestClient) -> None:
    rows = parquet_rows(export(filled))
    runs = filled.get("/runs").json()["items"]
    assert [row["run"] for row in rows] == [run["id"] for run in runs]
    for row, run in zip(rows, runs, strict=True):
        assert json.loads(row["request"]) == run["request"] and json.loads(row["environment"]) == run["environment"]
        assert json.loads(row["tags"]) == run["request"].get("tags", json.loads(row["tags"]))
        for name in ("name", "owner", "status", "stop_reason", "task", "device", "worker", "attempt", "bytes"):
            assert row[name] == run[name], name
        for name in ("created_at", "started_at", "finished_at"):
            assert row[name] == (run[name] and datetime.fromisoformat(run[name])), name
        for part in ("train", "validation", "test"):
            for metric in ("loss", "accuracy", "mse", "mae", "r2", "mape"):
                value = (run["metrics"][part] or {}).get(metric)
                assert row[f"{part}.{metric}"] == (None if value is None else float(value))
        assert (row["steps"], row["epochs"]) == (run["progress"].get("step"), run["progress"].get("epoch"))
        assert row["seed"] == run["request"].get("seed")
    assert {row["batch_size"] for row in rows} == {32, None}  # "full" is no number
    assert rows[0].keys() > COLUMNS.keys()


@pytest.mark.sql
def test_every_point_comes_back_with_all_its_bits(
    filled: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(curves, "PAGE", 2)
    monkeypatch.setattr(parquet, "ROWS", 70)
    points: dict[str, dict[str, Any]] = {}
    for row in parquet_rows(export(filled, curves=True)):
        steps, values = points.setdefault(row["run"], {}).setdefault(row["series"], ([], []))
        steps.append(row["step"])
        values.append(row["value"])
    assert points.keys() == {"run_1", "run_2"}
    drawn = tensorboard_points(export(filled, "/export.tensorboard.zip"), tmp_path / "log")
    assert drawn.keys() == {"буквы-run_1", "run_2"}
    for run, folder in {"run_1": "буквы-run_1", "run_2": "run_2"}.items():
        names = ",".join(points[run])
        answer = filled.get(f"/runs/{run}/curve", params={"points": 10**7, "series": names}).json()["series"]
        assert points[run].keys() == answer.keys()
        for name, series in answer.items():
            steps, values = series["step"], list(map(float, series["value"]))
            for read in (points[run][name], drawn[folder][name.replace(".", "/", 1)]):
                assert read[0] == steps and np.array_equal(read[1], values, equal_nan=True), (run, name)
    assert points["run_1"].keys() == {*LOSSES, *RESULTS, *SAMPLED}


def test_filters_and_order_are_those_of_the_list(filled: TestClient, tmp_path: Path) -> None:
    for query in ({"tag": "course:ml"}, {"status": "failed"}, {"q": "id:run_1,run_2"}, {"sort": "-bytes"}):
        listed = [run["id"] for run in filled.get("/runs", params=query).json()["items"]]
        assert [row["run"] for row in parquet_rows(export(filled, **query))] == listed
        drawn = tensorboard_points(export(filled, "/export.tensorboard.zip", **query), tmp_path / str(query))
        assert len(drawn) == len({"run_1", "run_2"}.intersection(listed))
    nothing = {"q": "id:run_none"}
    assert parquet_rows(export(filled, **nothing)) == parquet_rows(export(filled, curves=True, **nothing)) == []
    assert tensorboard_points(export(filled, "/export.tensorboard.zip", **nothing), tmp_path / "none") == {}
    refused = filled.get("/export.parquet", params={"sort": "speed"})
    assert refused.status_code == 422 and refused.json()["code"] == "sort_malformed"


@pytest.fixture
def locked(template: Template, tmp_path: Path) -> Iterator[TestClient]:
    with template.client(tmp_path / "home", api_key=KEY) as client:
        yield client


def test_an_export_has_the_runs_that_its_key_sees(locked: TestClient, tmp_path: Path) -> None:
    service = Service.of(locked)
    with service.database.write() as db:
        for id, owner in (("run_mine", "s1"), ("run_theirs", "s2"), ("run_common", "")):
            insert_run(db, id, owner=owner)
            curves.append(db, id, {"train.loss": ([1], [2.5])})
    reader, trainer = (new_key(service.database, "s1", scope) for scope in (Scope.READ, Scope.TRAIN))
    until_known(locked, reader, trainer)
    for curve in (False, True):
        answer = locked.get("/export.parquet", params={"curves": curve}, headers=reader.headers)
        assert {row["run"] for row in parquet_rows(answer.content)} == {"run_mine", "run_common"}
    zipped = locked.get("/export.tensorboard.zip", headers=reader.headers)
    assert tensorboard_points(zipped.content, tmp_path / "unpacked").keys() == {"run_mine", "run_common"}
    for path in ("/export.parquet", "/export.tensorboard.zip"):
        assert locked.get(path).status_code == 401
        assert locked.get(path, headers=trainer.headers).status_code == 403


def test_memory_does_not_grow_with_the_points(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROWS", 2**13)
    monkeypatch.setattr(curves, "PAGE", 8)
    a_chunk, chunks = 1_000, {"run_short": 24, "run_long": 96}
    values = np.random.default_rng(0).random(a_chunk)
    with service.database.write() as db:
        for id, count in chunks.items():
            insert_run(db, id)
            for first in range(1, count * a_chunk, a_chunk):
                curves.append(db, id, {"train.loss": (np.arange(first, first + a_chunk), values)})  # type: ignore[dict-item]
    for pieces in (_points, _events):
        short, long = (_peak(pieces(service.database, id)) for id in chunks)
        assert long < 1.3 * short, pieces


def _points(database: Database, id: str) -> Iterator[bytes]:
    return parquet.points_file([id], database.read)


def _events(database: Database, id: str) -> Iterator[bytes]:
    with database.read() as db:
        return event_files([db.get_one(Run, id)], database.read)


def _peak(pieces: Iterator[bytes]) -> int:
    """The largest memory that Python's and Arrow's objects took while the pieces were made."""
    tracemalloc.start()
    before = pa.total_allocated_bytes()
    arrow = max(pa.total_allocated_bytes() for _ in pieces)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak + arrow - before
