"""Decoding of pictures that are not cheap, in processes with bounded time and memory (see `decoder`).

A picture from a stranger can keep Pillow at work for minutes. Nothing could end that in a thread; a process is killed
after its time, or when its client leaves.
"""

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from app.datasets.errors import NoPicture, TooManyPixels
from app.datasets.images.decoder import NUMBER, refusal, request
from app.datasets.images.picture_format import PictureFormat
from app.errors import TooLarge
from app.serving.places import Places

MAX_PIXELS = 100_000_000  # in all pictures of a request
SECONDS = 20  # for all pictures of a request
WAITING = 32  # requests
Arguments = tuple[str, ...]


class PictureDecoders:
    """Decoder processes, at most one for each core. They start when they are needed, and stay until `close`."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.places = Places(len(os.sched_getaffinity(0)), WAITING)
        self.free: list[tuple[Arguments, Process]] = []

    async def decode(self, pictures: Sequence[bytes], wanted: PictureFormat) -> list[bytes | NoPicture]:
        """Pixels (C, H, W) as bytes for each picture, or its refusal. Raises TooLarge and NotReady.

        If the process crashes, all pictures that have no answer yet are refused.
        """
        arguments = wanted.to_text(), str(MAX_PIXELS)
        async with self.places.one():
            process = await self._take(arguments)
            try:
                async with asyncio.timeout(self.seconds):
                    answers = await _answers(process, pictures, wanted.bytes)
            except TimeoutError:
                await _end(process)
                raise TooLarge("pictures_take_too_long", seconds=self.seconds) from None
            except BaseException:  # the client has left
                await _end(process)
                raise
            if len(answers) == len(pictures):
                self.free.append((arguments, process))
            else:
                await _end(process)
        for answer in answers:
            if isinstance(answer, TooManyPixels):  # all pictures together
                raise TooLarge.because(answer)
        return answers + [NoPicture("picture_decoder_crashed") for _ in pictures[len(answers) :]]

    async def _take(self, arguments: Arguments) -> Process:
        """A process with these arguments: a free one, or a new one in the place of another."""
        for place, (same, process) in enumerate(self.free):
            if same == arguments:
                del self.free[place]
                return process
        if self.free:
            await _end(self.free.pop(0)[1])
        command = sys.executable, "-m", "app.datasets.images.decoder", *arguments
        return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)

    async def close(self) -> None:
        """End the free processes; the others end with their requests."""
        while self.free:
            await _end(self.free.pop()[1])


async def _answers(process: Process, pictures: Sequence[bytes], size: int) -> list[bytes | NoPicture]:
    """The answers of a process, up to a crash."""
    assert process.stdin is not None and process.stdout is not None
    answers: list[bytes | NoPicture] = []
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        process.stdin.writelines([request(pictures), *pictures])
        await process.stdin.drain()
        for _ in pictures:
            is_refused = await process.stdout.readexactly(1) != b"\0"
            (number,) = NUMBER.unpack(await process.stdout.readexactly(NUMBER.size))
            content = await process.stdout.readexactly(number if is_refused else size)
            answers.append(refusal(content) if is_refused else content)
    return answers


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
