"""Pictures of any format are converted to one shape, in processes whose crash costs a single picture."""

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from app.datasets.images import decoding
from app.datasets.images.codec import Decoded
from app.datasets.images.decoding import CRASHED, Decoders
from app.datasets.images.picture_format import PictureFormat
from tests.support.archives import letters, png, zipped
from tests.support.imports import imported, warnings_of


def picture(size: tuple[int, int], color: object = "red", format: str = "PNG", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, format)  # type: ignore[arg-type]
    return file.getvalue()


def shown(folder: Path, data: bytes, **reading: object) -> np.ndarray:
    found = imported(folder, zipped({"A/0": data, "B/0": png()}), **reading)
    assert found.skipped == []
    return found.arrays.inputs[0]


def test_pictures_are_brought_to_the_shape_that_is_asked_for(tmp_path: Path) -> None:
    red = shown(tmp_path, picture((64, 64)), shape=(3, 32, 48))
    assert red.shape == (3, 32, 48)
    assert red[:, 16, 24].tolist() == [255, 0, 0] and red[:, 16, 0].tolist() == [255, 255, 255]  # a margin
    assert shown(tmp_path, picture((64, 64)), shape=(3, 32, 48), background="black")[:, 16, 0].tolist() == [0, 0, 0]
    for resize in ("fill", "stretch"):
        assert (shown(tmp_path, picture((64, 64)), shape=(3, 32, 48), resize=resize)[0] == 255).all()


def test_filling_cuts_and_stretching_does_not(tmp_path: Path) -> None:
    file = io.BytesIO()
    halves = Image.new("L", (200, 100), 0)
    halves.paste(255, (0, 0, 50, 100))
    halves.save(file, "PNG")
    cut = shown(tmp_path, file.getvalue(), shape=(1, 28, 28), resize="fill")
    stretched = shown(tmp_path, file.getvalue(), shape=(1, 28, 28), resize="stretch")
    assert cut.max() < 40 and stretched[0, 14, 2] == 255


def test_transparency_lies_over_the_background_in_colour_too(tmp_path: Path) -> None:
    clear = picture((28, 28), (0, 0, 0, 0), mode="RGBA")
    assert (shown(tmp_path, clear, shape=(3, 28, 28)) == 255).all()
    assert (shown(tmp_path, clear, shape=(3, 28, 28), background="black") == 0).all()


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28)])
def test_sixteen_bits_palettes_and_how_a_camera_was_held_are_understood(
    tmp_path: Path, shape: tuple[int, int, int]
) -> None:
    wide = np.tile(np.linspace(0, 65535, 28).astype(np.uint16), (28, 1))
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    assert np.abs(shown(tmp_path, file.getvalue(), shape=shape)[0].astype(int) - (wide >> 8)).max() <= 1
    file = io.BytesIO()
    Image.fromarray((wide >> 8).astype(np.uint8)).convert("P").save(file, "GIF")
    assert np.abs(shown(tmp_path, file.getvalue(), shape=shape)[0].astype(int) - (wide >> 8)).max() <= 8
    turned, exif = Image.new("L", (28, 28), 255), Image.Exif()
    turned.paste(0, (0, 0, 28, 14))  # black on top, with the camera rotated so that the top is on the right
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, "JPEG", exif=exif, quality=95)
    upright = shown(tmp_path, file.getvalue(), shape=shape)[0]
    assert upright[:, :10].min() > 200 and upright[:, 18:].max() < 50


def test_an_archives_own_parts_are_kept(tmp_path: Path) -> None:
    files = {f"around/{part}/{letter}/{number}.png": png(number) for part in ("train", "val", "test")
             for letter in "AB" for number in range(3)}  # fmt: skip
    found = imported(tmp_path, zipped(files)).arrays
    assert found.own_split == ["train", "validation", "test"] and found.classes == ("A", "B")
    assert found.parts is not None and np.bincount(found.parts).tolist() == [6, 6, 6]
    assert imported(tmp_path, zipped(files | {"A/x.png": png()})).arrays.parts is None  # one is in no part
    within = imported(tmp_path, zipped({f"test/{name}": data for name, data in files.items()})).arrays
    assert within.own_split == found.own_split  # the nearest folder counts


def test_what_stands_in_an_archive_twice_is_taken_once(tmp_path: Path) -> None:
    composed, decomposed = "\u00c4/0.png", "A\u0308/0.png"  # one name in two Unicode forms
    found = imported(tmp_path, zipped(letters() | {composed: png(1), decomposed: png(2)}))
    assert len(found.arrays.targets) == 10
    assert [item["reason"] for item in found.skipped] == ["occurs in the archive again; only the first one is read"]


def test_ten_unreadable_files_are_worth_a_warning_and_nine_are_not(tmp_path: Path) -> None:
    for count, warned in ((9, False), (10, True)):
        found = imported(tmp_path, zipped(letters() | {f"A/broken{number}.png": b"x" for number in range(count)}))
        assert bool(warnings_of(found)) == warned


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    with Decoders(PictureFormat((1, 28, 28), "fit")) as found:
        yield found


def test_a_decoder_that_crashes_costs_one_picture(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child is killed whenever it decodes one picture, as a bug in a decoder could do."""
    deadly = png(13)
    ask = decoding._Decoder.ask

    def killed(decoder: decoding._Decoder, pictures: list[bytes]) -> None:
        if deadly in pictures:
            os.kill(decoder.process.pid, signal.SIGSEGV)
        ask(decoder, pictures)

    monkeypatch.setattr(decoding._Decoder, "ask", killed)
    found = dict(decoders.decoded((number, png(number)) for number in range(30)))
    assert found.pop(13) == CRASHED
    assert len(found) == 29 and all(
        isinstance(outcome, Decoded) and len(outcome.pixels) == 784 for outcome in found.values()
    )


def test_what_takes_too_much_memory_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    huge = picture((20_000, 20_000), 0, mode="L")
    found = imported(tmp_path, zipped(letters() | {"A/huge.png": huge}))
    assert len(found.arrays.targets) == 9 and "pixels" in found.skipped[0]["reason"]


def test_order_is_kept_over_many_batches_and_no_process_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "AT_ONCE", 7)
    before = {child.pid for child in psutil.Process().children()}
    with Decoders(PictureFormat((1, 28, 28), "fit")) as decoders:
        found = list(decoders.decoded((number, png(number)) for number in range(100)))
    assert [number for number, _ in found] == list(range(100))
    for number, outcome in found[::20]:
        assert isinstance(outcome, Decoded)
        assert outcome.pixels == np.asarray(Image.open(io.BytesIO(png(number)))).tobytes()
    assert {child.pid for child in psutil.Process().children()} == before


def test_a_reader_that_stops_early_leaves_no_process(decoders: Decoders) -> None:
    before = {child.pid for child in psutil.Process().children()}
    with Decoders(PictureFormat((1, 28, 28), "fit")) as some:
        for _ in some.decoded((number, png(number)) for number in range(2000)):
            break
    assert {child.pid for child in psutil.Process().children()} <= before
