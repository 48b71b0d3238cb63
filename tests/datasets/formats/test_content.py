"""Detection of an upload's format from its content, and import options that do not apply to it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.datasets.errors import ImportFailed
from tests.support.archives import png, tarred, zipped
from tests.support.imports import imported
from tests.support.numbered import LABELS, PICTURES, WHOLE, npz

FOLDERS = {"A/1.png": png(), "B/1.png": png()}


@pytest.mark.parametrize(
    ("data", "said", "sentence"),
    [
        (
            zipped(FOLDERS),
            {"target": "price"},
            "an archive of pictures .* shape=, resize=, background=, .*; leave out target=",
        ),
        (tarred(FOLDERS), {"task": "regression"}, "leave out task="),
        (zipped(FOLDERS), {"types": {"x": "number"}, "classes": ("a", "b")}, "leave out types=, classes="),
        (WHOLE, {"resize": "fill"}, "IDX files, which takes shape=, classes=; leave out resize="),
        (npz(x=PICTURES, y=LABELS), {"background": "black"}, "an .npz, .* leave out background="),
        (npz(x=PICTURES, y=LABELS), {"task": "regression"}, "pictures have classes"),
        (b"x,price\n1,2\n2,3\n", {"target": "price", "resize": "fill"}, "a table, .* leave out resize="),
    ],
)
def test_what_does_not_apply_is_refused_and_never_left_out_in_silence(
    tmp_path: Path, data: bytes | dict[str, bytes], said: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ImportFailed, match=sentence):
        imported(tmp_path, data, **said)


def test_a_format_is_told_by_its_content_alone(tmp_path: Path) -> None:
    shapes = [
        imported(tmp_path, data, **said).arrays.shape
        for data, said in (
            (zipped(FOLDERS), {}),
            (tarred(FOLDERS), {}),
            (WHOLE, {}),
            (npz(x=np.ones((6, 4)), y=[0, 1] * 3), {}),
            (b"x\tprice\n1\t2\n2\t3\n", {"target": "price"}),
        )
    ]
    assert shapes == [(1, 28, 28), (1, 28, 28), (1, 20, 24), (4,), (1,)]
