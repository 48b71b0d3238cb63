"""Gathered writes: all bytes of an answer arrive in order, its headers together with the beginning of its body."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from app.server.gathered_writes import GatheredWrites


class Recorder(asyncio.Transport):
    """A transport that keeps what is written to it, piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.ended: str | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert self.ended is None
        self.pieces.append(bytes(data))

    def is_closing(self) -> bool:
        return self.ended is not None

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


def test_headers_and_body_leave_together() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        gathered = GatheredWrites(recorder, asyncio.get_running_loop())
        gathered.write(b"headers")
        assert recorder.pieces == []
        gathered.write(b" body")
        assert recorder.pieces == [b"headers body"]
        await asyncio.sleep(0)
        assert recorder.pieces == [b"headers body"]

    asyncio.run(scenario())


@given(st.lists(st.lists(st.binary(max_size=4), max_size=5), max_size=5), st.booleans())
def test_all_bytes_leave_in_their_order_by_the_end_of_their_turn(turns: list[list[bytes]], closes: bool) -> None:
    async def scenario() -> None:
        recorder, written = Recorder(), b""
        gathered = GatheredWrites(recorder, asyncio.get_running_loop())
        for place, turn in enumerate(turns):
            for piece in turn:
                gathered.write(piece)
                written += piece
            if closes and place == len(turns) - 1:
                gathered.close()
                assert recorder.ended == "closed"
            else:
                await asyncio.sleep(0)
            assert b"".join(recorder.pieces) == written

    asyncio.run(scenario())


def test_what_is_kept_is_dropped_with_an_aborted_or_lost_connection() -> None:
    async def scenario() -> None:
        aborted, lost = Recorder(), Recorder()
        for recorder in (aborted, lost):
            gathered = GatheredWrites(recorder, asyncio.get_running_loop())
            gathered.write(b"headers")
            if recorder is aborted:
                gathered.abort()
            else:
                recorder.ended = "by the client"
            assert gathered.is_closing()
            await asyncio.sleep(0)
            assert recorder.pieces == []
        assert aborted.ended == "aborted"

    asyncio.run(scenario())
