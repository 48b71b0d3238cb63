"""A process that decodes pictures and nothing else: `python -m app.datasets.images.decoder C H W RESIZE BACKGROUND`.

Decoders are large programs in C that are fed by strangers. What one of them does wrong, it does here: with bounded
memory and time, and unable to write a file. It reads batches from stdin and answers each on stdout, until stdin ends.

A batch is a count, the lengths of so many pictures, and their bytes; the answer is, for each, a 0 and its pixels, or a
1 and the length and text of the reason why there are none. Numbers are 4 bytes, the least significant first.
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
SECONDS = 20  # for a picture
TOGETHER_BYTES = 2**22  # of pixels
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
