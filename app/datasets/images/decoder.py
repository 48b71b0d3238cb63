"""A process that only decodes pictures: `python -m app.datasets.images.decoder C H W RESIZE BACKGROUND`.

Image decoders are large C programs that parse files from strangers. Their faults are contained here: this process has
bounded memory and time, and cannot write files. It reads batches from stdin and answers each on stdout, until stdin
ends.

A batch is a count, the lengths of that many pictures, and their bytes. The answer has for each picture a 0 and its
pixels, or a 1 and the length and text of the reason why it cannot be decoded. Numbers are 4 bytes, little-endian.
"""

import resource
import signal
import struct
import sys
from math import prod
from typing import IO

from app.datasets.errors import NoPicture
from app.datasets.images.codec import decode
from app.datasets.images.png import plain

MEMORY_BYTES = 1024**3
SECONDS = 20  # for one picture
TOGETHER_BYTES = 2**22  # of pixels that are decoded together
NUMBER = struct.Struct("<I")


def serve(requests: IO[bytes], answers: IO[bytes], shape: tuple[int, ...], resize: str, background: str) -> None:
    """Answer batches until there are no more."""
    at_once = max(1, TOGETHER_BYTES // prod(shape))
    while head := requests.read(NUMBER.size):
        (count,) = NUMBER.unpack(head)
        lengths = struct.unpack(f"<{count}I", requests.read(NUMBER.size * count))
        pictures = [requests.read(length) for length in lengths]
        for start in range(0, count, at_once):
            some = pictures[start : start + at_once]
            ready = plain(some, shape)
            for place, data in enumerate(some):
                answers.write(b"\0" + ready[place] if place in ready else _answer(data, shape, resize, background))
        answers.flush()


def _answer(data: bytes, shape: tuple[int, ...], resize: str, background: str) -> bytes:
    signal.alarm(SECONDS)
    try:
        return b"\0" + decode(data, shape, resize, background)  # type: ignore[arg-type]
    except NoPicture as error:
        reason = str(error).encode(errors="replace")
        return b"\1" + NUMBER.pack(len(reason)) + reason
    finally:
        signal.alarm(0)


def main() -> None:
    *sides, resize, background = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.stdin.buffer, sys.stdout.buffer, tuple(map(int, sides)), resize, background)


if __name__ == "__main__":
    main()
