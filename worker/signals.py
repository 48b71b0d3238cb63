"""Signals that end a worker in good order."""

import signal
from collections.abc import Callable


def stop_at_signals(stop: Callable[..., None]) -> None:
    """Call `stop` at SIGTERM and at Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
