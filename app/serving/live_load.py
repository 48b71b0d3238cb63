"""Live predictions of a process, and the pauses between them, which other work on the event loop fills."""

import asyncio
from types import TracebackType

QUIET = 0.002  # seconds without a request; under load, the next ones have arrived by then
TURNS = 3  # of the event loop, from the bytes of a request to its first step


class LiveLoad:
    """The requests whose inputs are being predicted: each is within `with load`. Those whose bodies are still on their
    way do not count, since a client may send slowly. Belongs to one event loop."""

    def __init__(self) -> None:
        self.requests = 0
        self.quiet_at = 0.0

    def __enter__(self) -> None:
        self.requests += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.requests -= 1
        self.quiet_at = asyncio.get_running_loop().time() + QUIET

    async def idle(self) -> None:
        """Wait until no request is being predicted, none was within `QUIET` seconds, and none has just arrived."""
        for _ in range(TURNS):
            await asyncio.sleep(0)
        while self.requests or asyncio.get_running_loop().time() < self.quiet_at:
            await asyncio.sleep(QUIET)
