"""Decoding of many pictures in separate processes (see `decoder`), in order.

A decoder may crash or hang. Then another one decodes the unanswered pictures of the batch one at a time, so that only
the picture at fault fails.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import IO, TypeVar

from app.datasets.errors import ImportFailed, NoPicture
from app.datasets.images.codec import Decoded
from app.datasets.images.decoder import NUMBER, refusal, request
from app.datasets.images.picture_format import PictureFormat
from app.messages import Message

AT_ONCE, BYTES_AT_ONCE = 512, 4 * 1024**2  # in a batch
PIPE_BYTES = 1024**2  # room for a batch of letters both ways, so that neither side waits for the other to read
MOST_DECODERS = 4
MOST_CRASHES = 50  # each may take a while
Tag = TypeVar("Tag")  # identifies a picture
CRASHED = Message.of("picture_decoder_crashed").text()


class Broken(Exception):
    """The decoder has died."""


class Decoders:
    """Pool of decoders to one format. Leaving its context ends the processes."""

    def __init__(self, wanted: PictureFormat) -> None:
        self.arguments = [wanted.to_text(), "0"]
        self.pixels = wanted.bytes
        self.free: list[_Decoder] = []
        self.crashes = 0

    def __enter__(self) -> "Decoders":
        self.free.append(_Decoder(self.arguments))  # it starts while the first batch is read
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for decoder in self.free:
            decoder.end()

    def decoded(self, pictures: Iterable[tuple[Tag, bytes]]) -> Iterator[tuple[Tag, Decoded | str]]:
        """For each picture, its pixels or why there are none. Raises ImportFailed if too many crash."""
        at_work: deque[tuple[_Decoder, list[tuple[Tag, bytes]]]] = deque()
        try:
            for batch in batches(pictures):
                if len(at_work) == min(MOST_DECODERS, len(os.sched_getaffinity(0))):
                    yield from self._answered(*at_work[0])
                    at_work.popleft()
                decoder = self._take()
                with contextlib.suppress(BrokenPipeError):  # `answer` reports the crash
                    decoder.ask([data for _, data in batch])
                at_work.append((decoder, batch))
            while at_work:
                yield from self._answered(*at_work[0])
                at_work.popleft()
        finally:
            for decoder, _ in at_work:
                decoder.end()

    def _answered(self, decoder: "_Decoder", batch: list[tuple[Tag, bytes]]) -> Iterator[tuple[Tag, Decoded | str]]:
        for place, (tag, _) in enumerate(batch):
            try:
                answer = decoder.answer(self.pixels)
            except Broken:
                decoder.end()
                yield from ((tag, self._alone(data)) for tag, data in batch[place:])
                return
            yield tag, str(answer) if isinstance(answer, NoPicture) else answer
        self.free.append(decoder)

    def _alone(self, data: bytes) -> Decoded | str:
        decoder = self._take()
        try:
            decoder.ask([data])
            answer = decoder.answer(self.pixels)
        except (Broken, BrokenPipeError):
            decoder.end()
            self.crashes += 1
            if self.crashes > MOST_CRASHES:
                raise ImportFailed("decoder_crashes", limit=MOST_CRASHES) from None
            return CRASHED
        self.free.append(decoder)
        return str(answer) if isinstance(answer, NoPicture) else answer

    def _take(self) -> "_Decoder":
        return self.free.pop() if self.free else _Decoder(self.arguments)


def batches(pictures: Iterable[tuple[Tag, bytes]]) -> Iterator[list[tuple[Tag, bytes]]]:
    """Batches of images: at most AT_ONCE of them, or BYTES_AT_ONCE bytes and one more image."""
    batch: list[tuple[Tag, bytes]] = []
    size = 0
    for tag, data in pictures:
        batch.append((tag, data))
        size += len(data)
        if len(batch) == AT_ONCE or size >= BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Decoder:
    """One process. It reads a whole batch before it answers, so that neither waits for the other's pipe."""

    def __init__(self, arguments: list[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.datasets.images.decoder", *arguments],
            PIPE_BYTES,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for pipe in self._pipes:
            with contextlib.suppress(OSError):  # the system may allow less
                fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    @property
    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self.process.stdin is not None and self.process.stdout is not None
        return self.process.stdin, self.process.stdout

    def ask(self, pictures: list[bytes]) -> None:
        """Send a batch. Raises BrokenPipeError."""
        pipe, _ = self._pipes
        pipe.write(request(pictures))
        pipe.writelines(pictures)
        pipe.flush()

    def answer(self, size: int) -> Decoded | NoPicture:
        """The next answer: `size` bytes of pixels, or the refusal. Raises Broken."""
        is_refused, (number,) = self._read(1) != b"\0", NUMBER.unpack(self._read(NUMBER.size))
        return refusal(self._read(number)) if is_refused else Decoded(self._read(size), number)

    def _read(self, size: int) -> bytes:
        """Read exactly `size` bytes, without a timeout: a decoder that takes too long ends itself."""
        data = self._pipes[1].read(size)
        if len(data) < size:
            raise Broken
        return data

    def end(self) -> None:
        self.process.kill()
        for pipe in self._pipes:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        self.process.wait()
