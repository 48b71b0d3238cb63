"""Commands to a child, one byte each: an order, or a ping that shows that the worker is alive."""

import os
import select
import threading
from collections.abc import Callable, Sequence
from functools import partial

PING, CANCEL, PAUSE, HAND_BACK = b".", b"c", b"p", b"h"


class Commands:
    """The child's end of the pipe. The process exits at end-of-file, because its worker has died, or if no byte arrives
    for the duration of a lease: then the worker is frozen, and another one may have claimed the job."""

    def __init__(self, descriptor: int, lease_seconds: float, at_end: Callable[[], None] = lambda: os._exit(1)) -> None:
        self.wanted: bytes | None = None
        self.at_end = at_end
        listener = threading.Thread(target=self._listen, args=(descriptor, lease_seconds), name="orders", daemon=True)
        listener.start()

    def _listen(self, descriptor: int, lease_seconds: float) -> None:
        while select.select([descriptor], [], [], lease_seconds)[0]:
            received = os.read(descriptor, 4096)
            if not received:
                break
            orders = received.replace(PING, b"")
            if orders:
                self.wanted = orders[-1:]
        self.at_end()


class CommandsOfAll:
    """The orders of runs that train as one program, by their order in the job.

    `left` has those whose pipe has ended: their worker no longer holds them. The process exits with the last one.
    """

    def __init__(self, descriptors: Sequence[int], lease_seconds: float) -> None:
        self.left: set[int] = set()
        self.count = len(descriptors)
        self.each = [
            Commands(descriptor, lease_seconds, partial(self._leave, place))
            for place, descriptor in enumerate(descriptors)
        ]

    def _leave(self, place: int) -> None:
        self.left.add(place)
        if len(self.left) == self.count:
            os._exit(1)
