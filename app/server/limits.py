"""Limits on what a connection may send, and on the time that it may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of each connection. Only the arrival of requests is timed: an answer may take as long as it takes.

    A body has to bring `body_bytes` in each period of `body_seconds`, or its end: 1 KB/s. A modem of 1995 was three
    times as fast, so no real client is cut off, while an attacker has to send for as long as a connection is held.
    """

    header_bytes: int = 64 * 1024  # with the request line
    header_seconds: float = 20
    body_bytes: int = 20 * 1024
    body_seconds: float = 20
    linger_seconds: float = 1  # after a refusal: time for the client to read it
