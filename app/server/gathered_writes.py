"""Writing of an answer's headers with the beginning of its body: one packet and one system call instead of two."""

import asyncio
from typing import Any


class GatheredWrites(asyncio.Transport):
    """A transport that keeps what is written first until the next write in this turn of the event loop, or its end.

    uvicorn writes the headers and the first piece of the body right after one another.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self.transport, self.loop = transport, loop
        self._kept = b""
        self._end_of_turn: asyncio.Handle | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write the data, with what was kept before it; or keep it."""
        if self._end_of_turn is None:
            self._kept = bytes(data)
            self._end_of_turn = self.loop.call_soon(self._flush)
        else:
            self._end_of_turn.cancel()
            self._end_of_turn = None
            self.transport.write(self._kept + data)

    def close(self) -> None:
        self._flush()
        self.transport.close()

    def abort(self) -> None:
        if self._end_of_turn is not None:
            self._end_of_turn.cancel()
            self._end_of_turn = None
        self.transport.abort()

    def is_closing(self) -> bool:
        return self.transport.is_closing()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._flush()
        self.transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.transport.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._end_of_turn is None:
            return
        self._end_of_turn.cancel()
        self._end_of_turn = None
        if not self.transport.is_closing():
            self.transport.write(self._kept)
