"""A process that only decodes pictures: `python -m app.datasets.images.decoder FORMAT PIXELS`. FORMAT is the
text of a PictureFormat. PIXELS is the limit of a batch; 0 stands for none.

Image decoders are large C programs that parse files from strangers. Their faults are contained here: this process has
bounded memory and time, and cannot write files. It reads batches from stdin and answers each on stdout, until stdin
ends.

A batch is a count, the lengths of that many pictures, and their bytes. The answer has for each picture a 0, the
greatest value of 16 bits and the pixels, or a 1, and the length and JSON of the refusal. Numbers are 4 bytes,
little-endian.
"""

import json
import resource
import signal
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize
from app.datasets.images.codec import Decoded, count_pixels, decode
from app.datasets.images.picture_format import PictureFormat
from app.datasets.images.png import plain

MEMORY_BYTES = 1024**3
SECONDS = 20  # for one picture
TOGETHER_BYTES = 2**22  # of pixels that are decoded together
NUMBER = struct.Struct("<I")
KINDS = {kind.__name__: kind for kind in (NoPicture, WrongSize, TooManyPixels)}


def request(pictures: Sequence[bytes]) -> bytes:
    """The head of a batch; the pictures follow."""
    return struct.pack(f"<{1 + len(pictures)}I", len(pictures), *map(len, pictures))


def refusal(data: bytes) -> NoPicture:
    """The refusal in an answer."""
    stored = json.loads(data)
    return KINDS[stored["kind"]](stored["code"], **stored["params"])


def serve(requests: IO[bytes], answers: IO[bytes], wanted: PictureFormat, limit: int) -> None:
    """Answer batches until there are no more."""
    at_once = max(1, TOGETHER_BYTES // wanted.bytes)
    while head := requests.read(NUMBER.size):
        (count,) = NUMBER.unpack(head)
        lengths = struct.unpack(f"<{count}I", requests.read(NUMBER.size * count))
        pictures = [requests.read(length) for length in lengths]
        if limit and (pixels := sum(map(_pixels, pictures))) > limit:
            answers.write(_refused(TooManyPixels("pictures_too_large", pixels=pixels, limit=limit)) * count)
            pictures.clear()
        for start in range(0, len(pictures), at_once):
            some = pictures[start : start + at_once]
            ready = plain(some, wanted.shape) if wanted.margin is None else {}
            for place, data in enumerate(some):
                answers.write(_sent(Decoded(ready[place])) if place in ready else _answer(data, wanted))
        answers.flush()


@contextmanager
def _in_time() -> Iterator[None]:
    """End this process if the work on one picture takes too long."""
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)


def _pixels(data: bytes) -> int:
    try:
        with _in_time():
            return count_pixels(data)
    except NoPicture:
        return 0  # it is refused when its turn comes


def _answer(data: bytes, wanted: PictureFormat) -> bytes:
    try:
        with _in_time():
            return _sent(decode(data, wanted))
    except NoPicture as error:
        return _refused(error)


def _sent(decoded: Decoded) -> bytes:
    return b"\0" + NUMBER.pack(decoded.greatest) + decoded.pixels


def _refused(error: NoPicture) -> bytes:
    stored = json.dumps({"kind": type(error).__name__, **error.message.to_json()}).encode()
    return b"\1" + NUMBER.pack(len(stored)) + stored


def main() -> None:
    wanted, limit = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer, PictureFormat.from_text(wanted), int(limit))


if __name__ == "__main__":
    main()
