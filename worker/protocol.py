"""Commands to a child, one byte each: an order, or a sign of life."""

import os
import select
import threading

PING, CANCEL, PAUSE, HAND_BACK = b".", b"c", b"p", b"h"


class Commands:
    """The child's end of the pipe. A child never outlives its worker: at end-of-file, or after a lease without a sign
    of life (a frozen worker's run has a new owner by then), the process leaves on the spot."""

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
