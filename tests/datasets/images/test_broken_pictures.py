"""A broken picture of any format is skipped with a reason, a bomb is refused, and the others are imported."""

import io
import random
import signal
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.datasets.errors import ImportFailed
from app.datasets.images import decoding
from app.datasets.images.codec import MAX_PIXELS, Decoded, decode
from app.datasets.images.decoding import CRASHED, Decoders
from app.datasets.images.picture_format import PictureFormat
from app.datasets.images.png import plain
from tests.support.archives import letters, png, zipped
from tests.support.measuring import measured

OWN_MB, DECODER_MB = 500, 1024  # additional memory of the process; memory limit of a decoder
SHAPE = (1, 28, 28)
MODES = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("L", "P", "RGB"),
    "BMP": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"),
    "WEBP": ("L", "RGB", "RGBA"),
}
HOW: dict[str, tuple[dict[str, object], ...]] = {
    "PNG": ({}, {"compress_level": 0}),
    "JPEG": ({}, {"progressive": True}),
    "TIFF": ({}, *({"compression": name} for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits"))),
    "WEBP": ({}, {"lossless": True}),
}


def pictures() -> Iterator[bytes]:
    """Valid pictures of each format and mode."""
    gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8))
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    for format, modes in MODES.items():
        for mode in modes:
            picture = deep if mode == "I;16" else gray.convert(mode)
            for how in HOW.get(format, ({},)):
                file = io.BytesIO()
                picture.save(file, format, **how)  # type: ignore[arg-type]
                yield file.getvalue()


def mutated(seed: int, whole: list[bytes]) -> bytes:
    """A picture with changed bytes, mostly near its beginning, or with a part missing, doubled or cut off."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(whole))
    for _ in range(chance.choice([1, 1, 2, 5, 30])):
        at = chance.choice([chance.randrange(len(data)), chance.randrange(min(64, len(data)))])
        data[at] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256), data[at] ^ 1 << chance.randrange(8)])
    start, end = sorted(chance.choices(range(len(data)), k=2))
    piece = data[start:end]
    return bytes(
        chance.choice([data, data, data[:end], data[:start] + data[end:], data[:start] + piece * 2 + data[end:]])
    )


def test_whole_pictures_of_every_format_and_mode_are_read_or_say_what_nobody_can_know() -> None:
    with Decoders(PictureFormat(SHAPE, "fit")) as decoders:
        for number, found in decoders.decoded(enumerate(pictures())):
            assert isinstance(found, Decoded) or "32-bit floating-point" in found, number


@pytest.mark.parametrize("shape", [SHAPE, (3, 40, 20)])
def test_thousands_of_broken_pictures_cost_themselves_and_say_why(
    shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single decoder reads all of them, as long as it lives."""
    monkeypatch.setattr(decoding, "MOST_DECODERS", 1)
    whole, came = list(pictures()), Counter[str]()
    with Decoders(PictureFormat(shape, "fit")) as decoders:
        for number, found in decoders.decoded((seed, mutated(seed, whole)) for seed in range(6000)):
            if isinstance(found, Decoded):
                assert len(found.pixels) == np.prod(shape)
            else:
                assert found and found.isprintable() and not found.endswith((" ", ":")), (number, found)
            came["read" if isinstance(found, Decoded) else "crashed" if found == CRASHED else "refused"] += 1
    sys.stdout.write(f"{dict(came)}\n")
    assert came["refused"] > 2000 and came["read"] > 500


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_what_is_decoded_together_is_what_each_is_alone(mode: str, channels: int) -> None:
    """Pictures with one changed byte, each at another position, among valid ones."""
    colour = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 28, 3), dtype=np.uint8))
    file = io.BytesIO()
    colour.convert(mode).save(file, "PNG")
    whole = file.getvalue()
    changes = [whole[:at] + bytes([whole[at] ^ 0x81]) + whole[at + 1 :] for at in range(len(whole))]
    found = plain([whole, *changes, whole], (channels, 20, 28))
    assert {0, len(changes) + 1} < found.keys()  # and others: if Pillow ignores a checksum, so does the import
    for place, pixels in found.items():
        assert pixels == decode([whole, *changes, whole][place], PictureFormat((channels, 20, 28))).pixels


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(side: int, *chunks: bytes, depth: int = 8) -> bytes:
    """A PNG of zeros with side × side pixels."""
    packer, row = zlib.compressobj(), bytes(1 + -(-depth * side // 8))
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">2I5B", side, side, depth, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    )


def tiff_of(strips: int, height: int) -> bytes:
    """A TIFF of width 28 whose strips share the same bytes."""
    entries = {256: 28, 257: height, 258: 8, 259: 1, 262: 1, 277: 1, 278: 1}
    after = 8 + 2 + 12 * (len(entries) + 2) + 4
    tags = [(tag, 4, 1, value) for tag, value in entries.items()]
    tags += [(273, 4, strips, after), (279, 4, strips, after + 4 * strips)]
    listed = b"".join(struct.pack("<2H2I", *tag) for tag in sorted(tags))
    return (
        b"II*\0" + struct.pack("<IH", 8, len(tags)) + listed + bytes(4)
        + struct.pack("<I", 8) * strips + struct.pack("<I", 28) * strips
    )  # fmt: skip


def whole_file(format: str, size: tuple[int, int], **how: object) -> bytearray:
    file = io.BytesIO()
    Image.new("L", size).save(file, format, **how)  # type: ignore[arg-type]
    return bytearray(file.getvalue())


def changed(data: bytearray, at: int, value: bytes) -> bytes:
    data[at : at + len(value)] = value
    return bytes(data)


TEXT_BOMB = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100 * 2**20)))
PROFILE_BOMB = chunk(b"iCCP", b"profile\0\0" + zlib.compress(bytes(100 * 2**20)))
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "PNG of 20,000×20,000": (lambda: png_of(20_000), "pixels"),
    "PNG of 5,001×5,001": (lambda: png_of(5001), "5001×5001 pixels"),
    "PNG of 4 GB a side": (lambda: changed(bytearray(png()), 16, b"\x7f\xff\xff\xff" * 2), ""),
    "PNG with a text of 100 MB": (lambda: png_of(28, TEXT_BOMB), "Decompressed data too large"),
    "PNG with a profile of 100 MB": (lambda: png_of(28, PROFILE_BOMB), ""),
    "TIFF of two hundred thousand strips": (lambda: tiff_of(200_000, 28), ""),
    "TIFF of two million strips": (lambda: tiff_of(2_000_000, 28), ""),
    "TIFF of a million rows": (lambda: tiff_of(1_000_000, 1_000_000), "1000000 pixels"),
    "GIF of a huge screen": (lambda: changed(whole_file("GIF", (28, 28)), 6, b"\xff" * 4), "pixels"),
    "WebP of 16383×16383": (lambda: webp_of(16383), "pixels"),
    "BMP of 2³¹ a side": (lambda: changed(whole_file("BMP", (28, 28)), 18, b"\xff\xff\xff\x7f" * 2), "pixels"),
    "JPEG of 65500×65500": (lambda: jpeg_of(65500), "pixels"),
}


def webp_of(side: int) -> bytes:
    data = whole_file("WEBP", (28, 28), lossless=True)
    return changed(data, data.index(b"VP8L") + 9, struct.pack("<I", side - 1 | (side - 1) << 14))


def jpeg_of(side: int) -> bytes:
    data = whole_file("JPEG", (28, 28))
    return changed(data, data.index(b"\xff\xc0") + 5, struct.pack(">2H", side, side))


LARGE_BOMBS = ("TIFF of two hundred thousand strips", "TIFF of two million strips", "TIFF of a million rows")


@pytest.mark.parametrize(
    "bomb", [pytest.param(bomb, marks=[pytest.mark.long] if bomb in LARGE_BOMBS else []) for bomb in BOMBS]
)
def test_a_bomb_costs_itself_and_little_memory(tmp_path: Path, bomb: str) -> None:
    make, said = BOMBS[bomb]
    path = tmp_path / "upload"
    path.write_bytes(zipped(letters("AB", 2) | {"A/bomb": make()}))
    took = measured(path)
    assert took.own < OWN_MB and took.decoder < DECODER_MB
    reasons = [item["reason"] for item in took.skipped]
    sys.stdout.write(f"{reasons}\n")
    assert took.examples + len(reasons) == 5 and all(said in reason for reason in reasons)


def test_pictures_as_large_as_they_may_be_are_read(tmp_path: Path) -> None:
    files = {f"A/{number}": png_of(5000, depth=depth) for number, depth in enumerate([1, 8, 16])}
    assert MAX_PIXELS == 5000 * 5000
    path = tmp_path / "upload"
    path.write_bytes(zipped(letters("AB", 2) | files))
    took = measured(path)
    assert took.examples == 7 and took.own < OWN_MB and took.decoder < DECODER_MB


HANGING = """
import time
from app.datasets.images import decoder
decoder.SECONDS, decoder.decode = 1, lambda *_: time.sleep(60)
decoder.main()
"""


def test_a_decoder_that_comes_to_no_end_ends_itself() -> None:
    command = [sys.executable, "-c", HANGING, PictureFormat(SHAPE, "fit").to_text(), "0"]
    asked = struct.pack("<2I", 1, 1) + b"x"
    assert subprocess.run(command, input=asked, check=False).returncode == -signal.SIGALRM


def test_an_archive_of_nothing_but_crashes_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(decoder: decoding._Decoder, pictures: list[bytes]) -> None:
        decoder.process.kill()

    monkeypatch.setattr(decoding._Decoder, "ask", killed)
    monkeypatch.setattr(decoding, "MOST_CRASHES", 5)
    with Decoders(PictureFormat(SHAPE, "fit")) as decoders, pytest.raises(ImportFailed, match="over 5 pictures"):
        list(decoders.decoded((number, png(number)) for number in range(20)))


@pytest.mark.long
def test_pillows_own_test_pictures_are_read_or_skipped_with_a_reason(tmp_path: Path) -> None:
    """Pillow's source package contains hundreds of pictures that once broke Pillow."""
    wanted = f"pillow=={version('pillow')}"
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--no-binary",
        "pillow",
        "-d",
        str(tmp_path),
        wanted,
    ]
    got = subprocess.run(command, capture_output=True, timeout=200, check=False)
    if got.returncode:
        pytest.skip(f"no index has the source of {wanted}")
    (package,) = tmp_path.glob("pillow*")
    took = measured(package)
    assert took.own < OWN_MB and took.decoder < DECODER_MB
    assert took.examples > 500 and len(took.skipped) > 300
    assert CRASHED not in took.reasons() and all(reason.isprintable() for reason in took.reasons())
