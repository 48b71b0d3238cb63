"""Tables of pixels become pictures if their shape is given, and are recognised if it is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.datasets.errors import ImportFailed
from tests.support.imports import codes_of, imported, said_of
from tests.support.numbered import npz

PIXELS = np.random.default_rng(0).integers(0, 256, (30, 64))


def pixel_table(first: bool = True, pixels: Any = PIXELS, header: bool = True) -> bytes:
    names = [f"pixel{place}" for place in range(pixels.shape[1])]
    lines = [",".join(["label", *names] if first else [*names, "label"])] if header else []
    for place, row in enumerate(pixels.tolist()):
        cells = list(map(str, row))
        lines.append(",".join([str(place % 3), *cells] if first else [*cells, str(place % 3)]))
    return "\n".join(lines).encode()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("header", [True, False])
def test_rows_of_pixels_are_pictures(tmp_path: Path, first: bool, header: bool) -> None:
    target = "first" if first else "last"
    found = imported(tmp_path, pixel_table(first, header=header), target=target, shape=(1, 8, 8)).arrays
    assert found.inputs.dtype == np.uint8 and found.shape == (1, 8, 8) and found.classes == ("0", "1", "2")
    np.testing.assert_array_equal(found.inputs.reshape(30, 64), PIXELS)
    assert found.targets.tolist() == [place % 3 for place in range(30)]


def test_colours_lie_channel_by_channel(tmp_path: Path) -> None:
    found = imported(tmp_path, pixel_table(pixels=PIXELS[:, :48]), target="label", shape=(3, 4, 4)).arrays
    np.testing.assert_array_equal(found.inputs, PIXELS[:, :48].reshape(30, 3, 4, 4))


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32])
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 4, 16)])
def test_rows_of_pixels_in_an_npz_are_pictures(tmp_path: Path, dtype: type, shape: tuple[int, int, int]) -> None:
    found = imported(tmp_path, npz(X=PIXELS.astype(dtype), y=np.arange(30) % 3), shape=shape).arrays
    assert found.inputs.dtype == np.uint8 and found.classes == ("0", "1", "2")
    np.testing.assert_array_equal(found.inputs, PIXELS.reshape(30, *shape))


@pytest.mark.parametrize("value", [-1, 256, 0.5, np.nan, np.inf])
def test_rows_in_an_npz_that_are_no_pixels_of_the_shape_are_refused(tmp_path: Path, value: float) -> None:
    rows, targets = PIXELS.astype(np.float64), np.arange(30) % 3
    with pytest.raises(ImportFailed, match="64 columns beside the target, but pictures of the shape 1×28×28 have 784"):
        imported(tmp_path, npz(X=rows, y=targets), shape=(1, 28, 28))
    rows[7, 3] = value
    with pytest.raises(ImportFailed, match=f"the inputs hold {value}, but with shape= each is a pixel"):
        imported(tmp_path, npz(X=rows, y=targets), shape=(1, 8, 8))


def test_a_square_of_pixels_is_proposed_as_pictures(tmp_path: Path) -> None:
    found = imported(tmp_path, pixel_table(), target="label")
    assert "maybe_pictures" in codes_of(found) and found.arrays.shape == (64,)
    assert any("8×8" in said for said in said_of(found))
    for other in (PIXELS[:, :63], PIXELS + 1, PIXELS / 2):
        assert "maybe_pictures" not in codes_of(imported(tmp_path, pixel_table(pixels=other), target="label"))


def test_pixels_of_another_range_are_said_to_be_dark(tmp_path: Path) -> None:
    found = imported(tmp_path, pixel_table(pixels=PIXELS // 16), target="label", shape=(1, 8, 8))
    assert "pixels_use_few_values" in codes_of(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: p + 1, "256"),
        (lambda p: p - 1, "-1"),
        (lambda p: p / 2, "fractions"),
        (lambda p: p[:, 1:], "63 columns"),
    ],
)
def test_what_is_no_pixel_is_refused(tmp_path: Path, change: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        imported(tmp_path, pixel_table(pixels=change(PIXELS)), target="label", shape=(1, 8, 8))


def test_a_regression_of_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="pictures have classes"):
        imported(tmp_path, pixel_table(), target="label", shape=(1, 8, 8), task="regression")
