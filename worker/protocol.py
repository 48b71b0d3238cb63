"""Commands to a child, one byte each: an order, or a ping that shows that the worker is alive. Runs that join others in
a process come through a socket."""

import json
import os
import select
import socket
import threading
from collections import deque
from typing import Any, NamedTuple

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
        self._end()

    def _end(self) -> None:
        os._exit(1)


class MemberCommands(Commands):
    """The orders of one of several runs in a process, which goes on without the run when they end."""

    has_ended = False

    def _end(self) -> None:
        self.has_ended = True


class Joining(NamedTuple):
    """A run that joins others, and the descriptor of its orders."""

    member: dict[str, Any]
    orders: int


class Joins:
    """The runs that join those of this process. The process exits at end-of-file, because its worker has died."""

    def __init__(self, descriptor: int) -> None:
        self.socket, self.arrived, self.is_closed = socket.socket(fileno=descriptor), deque[Joining](), False
        self.listener = threading.Thread(target=self._listen, name="joins", daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        while True:
            message, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 1)
            if not message:
                break
            self.arrived.append(Joining(json.loads(message), descriptors[0]))
        if not self.is_closed:
            os._exit(1)

    def close(self) -> None:
        """Refuse further runs; `arrived` has those that the worker sent before."""
        self.is_closed = True
        self.socket.shutdown(socket.SHUT_RD)
        self.listener.join()
        self.socket.close()
