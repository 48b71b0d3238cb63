"""Event files: TensorBoard reads each point as it was recorded, and no record is framed wrongly."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.runs import event_files
from app.storage import curves
from app.storage.series import Series
from app.storage.tables import Run
from tests.support.exports import tensorboard_points

curve = st.dictionaries(st.integers(1, curves.LAST_STEP), st.floats(), max_size=20)


def a_run(**values: Any) -> Run:
    return Run(id="run_1", name=None, created_at=1.0, started_at=None, progress={}, **values)


def read_back(run: Run, pages: list[tuple[str, dict[int, float]]]) -> dict[str, tuple[list[int], list[float]]]:
    series = [(name, Series(np.array(sorted(points), np.int64), np.array([points[step] for step in sorted(points)])))
              for name, points in pages]  # fmt: skip
    with patch.object(curves, "all_pages", lambda *_: iter(series)), TemporaryDirectory() as folder:
        content = b"".join(event_files.event_files([run], None))  # type: ignore[arg-type]
        return tensorboard_points(content, Path(folder))["run_1"]


@settings(max_examples=25)
@given(curve)
def test_every_step_and_value_comes_back_with_all_its_bits(points: dict[int, float]) -> None:
    steps = sorted(points)
    found = read_back(a_run(), [("train.loss", points), ("layer.0.gradient_norm", {1: 0.5})])
    assert found.pop("layer/0.gradient_norm") == ([1], [0.5])
    read = found.pop("train/loss", ([], []))
    assert not found and read[0] == steps
    assert np.array_equal(read[1], [points[step] for step in steps], equal_nan=True)


@pytest.mark.parametrize("step", [1, 127, 128, 2**14 - 1, 2**14, 2**21 - 1, 2**21, 2**28 - 1, 2**28, curves.LAST_STEP])
def test_steps_next_to_another_size_come_back(step: int) -> None:
    points = {each: float(each) for each in (step - 1, step, step + 1)}
    assert read_back(a_run(), [("train.loss", points)])["train/loss"] == (list(points), list(points.values()))


def test_the_checksum_is_that_of_the_standard() -> None:
    texts = {b"123456789": 0xE3069283, bytes(32): 0x8A9136AA, b"\xff" * 32: 0x62A8AB43}  # RFC 3720, appendix B.4
    for text, checksum in texts.items():
        both = np.stack([np.frombuffer(text, np.uint8)] * 2)
        assert event_files.crc32c(both).tolist() == [checksum, checksum]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        (None, "run_1"),
        ("letters, wide", "letters-wide-run_1"),
        ("../../etc/passwd", "etc-passwd-run_1"),
        ("буквы", "буквы-run_1"),
        ("..", "run_1"),
        ("a" * 200, "a" * 40 + "-run_1"),
    ],
)
def test_a_folder_has_the_name_of_its_run_and_leads_nowhere_else(name: str | None, folder: str) -> None:
    assert event_files.folder_of(Run(id="run_1", name=name)) == folder
