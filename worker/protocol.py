"""Commands to a child, one byte each: an order, or a ping that shows that the worker is alive."""

import os
import select
import threading

PING, CANCEL, PAUSE, HAND_BACK = b".", b"c", b"p", b"h"


class Commands:
    """The child's end of the pipe. The process exits at end-of-file, because its worker has died, or if no byte arrives
    for the duration of a lease: then the worker is frozen, and another one may have claimed the job."""

    def __init__(self, descriptor: int, lease_seconds: float) -> None:
        self.wanted: bytes | None = None
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
        os._exit(1)
