"""Deadlines that clients set for their requests."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from app.api.headers import header
from app.errors import DeadlineExceeded, Invalid

Result = TypeVar("Result")

HEADER, NAME = "X-Timeout-Ms", b"x-timeout-ms"
MOST = 600_000  # milliseconds
TIMEOUT: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST},
    "description": "milliseconds after which the answer is of no use: then 504, and nothing is computed any more",
}


def read_timeout(request: Request) -> float | None:
    """The seconds of `X-Timeout-Ms`; None without it. Raises Invalid."""
    sent = header(request.scope, NAME)
    if sent is None:
        return None
    if not (sent.isascii() and sent.isdigit() and len(sent) <= len(str(MOST)) and 1 <= int(sent) <= MOST):
        raise Invalid("timeout_malformed", HEADER, given=sent[:100], limit=MOST)
    return int(sent) / 1000


async def within(seconds: float | None, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of the work, which is cancelled after so many seconds; None sets no limit. Raises DeadlineExceeded."""
    if seconds is None:
        return await work
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise DeadlineExceeded("deadline_exceeded", milliseconds=round(1000 * seconds)) from None
