"""Child processes of a worker, and the queues of their jobs."""

import contextlib
import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any, Literal

from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.claims import Claims
from app.storage.queue.import_claims import import_claims
from app.storage.queue.run_claims import run_claims
from app.storage.queue.sweep_claims import sweep_claims
from worker.protocol import CANCEL, HAND_BACK, PAUSE, PING

Kind = Literal["train", "import", "batch", "sweep"]
# Time that a child has to obey before it is killed. Only trainings have something to save.
GRACE_SECONDS: dict[Kind, dict[bytes, float]] = {
    "train": {CANCEL: 0.8, PAUSE: 10.0, HAND_BACK: 10.0},
    "import": {HAND_BACK: 0.0},
    "batch": {HAND_BACK: 0.0},
    "sweep": {HAND_BACK: 0.0},
}
QUEUES: dict[Kind, Claims[Any]] = {
    "train": run_claims,
    "import": import_claims,
    "batch": batch_claims,
    "sweep": sweep_claims,
}


# Time for a run that trains with others, which would be killed with it.
STACKED_GRACE_SECONDS = 10.0


class Channel:
    """Pipe for a child's orders, and file for its output. Raises OSError if one of them cannot be created.

    Children that share a process have a pipe each, and the file of the first.
    """

    def __init__(self, first: "Channel | None" = None) -> None:
        with contextlib.ExitStack() as stack:
            output = tempfile.TemporaryFile() if first is None else first.output_again()  # noqa: SIM115
            self._output: IO[bytes] = stack.enter_context(output)
            self._received, self._sent = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self._sent, False)
            stack.pop_all()

    def hand_over(self, server: socket.socket, job: bytes, others: Sequence[int] = ()) -> None:
        """Send a job with the child's ends, and other descriptors, to the server that forks the child."""
        socket.send_fds(server, [job], [self._received, self._output.fileno(), *others])
        self.close_received()

    def close_received(self) -> None:
        """Close the child's end of the pipe, which the child has."""
        os.close(self._received)
        self._received = -1

    @property
    def received(self) -> int:
        """The child's end of the pipe."""
        return self._received

    def send(self, order: bytes) -> None:
        """Send an order to the child, unless it has exited."""
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._sent, order)

    def output_again(self) -> IO[bytes]:
        """Another descriptor of the output's file."""
        return os.fdopen(os.dup(self._output.fileno()), "rb")

    def last_lines(self) -> list[str]:
        """The last lines that the child printed, at most 20."""
        self._output.seek(0)
        return self._output.read()[-8192:].decode(errors="replace").splitlines()[-20:]

    def close(self) -> None:
        for end in (self._received, self._sent):
            if end >= 0:
                os.close(end)
        self._output.close()


class Stack:
    """A process that trains runs as one program: their signature, and the socket by which others join them."""

    def __init__(self, signature: str) -> None:
        self.signature = signature
        self.socket, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.setblocking(False)

    def hand_over(self, server: socket.socket, job: bytes, channels: "Sequence[Channel]") -> None:
        """Send the job of the first runs with their channels to the server that forks the child."""
        first, *companions = channels
        first.hand_over(server, job, [self.theirs.fileno(), *(channel.received for channel in companions)])
        self.theirs.close()
        for channel in companions:
            channel.close_received()

    def send(self, member: dict[str, Any], channel: Channel) -> bool:
        """Let a run join the others; False if they have ended."""
        try:
            socket.send_fds(self.socket, [json.dumps(member).encode()], [channel.received])
        except (BrokenPipeError, ConnectionResetError, BlockingIOError):
            return False
        channel.close_received()
        return True

    def close(self) -> None:
        self.socket.close()
        self.theirs.close()


@dataclass
class Child:
    """A run or an import in a child process.

    Runs that train as one program are children that share the process of the first, `process`.

    `renewed` is the time at which its lease was last renewed, and `started` that of its claim.
    `lost` is True if another worker may hold it. `deadline`
    is the time by which a child with an `order` has to exit.
    """

    kind: Kind
    id: str
    attempt: int
    channel: Channel
    renewed: float
    started: float
    process: str
    stacked: bool = False
    lost: bool = False
    pid: int | None = None
    order: bytes | None = None
    deadline: float | None = None

    @property
    def key(self) -> str:
        return f"{self.id}/{self.attempt}"

    def tell(self, order: bytes) -> None:
        """Send an order or a ping to the child, unless it has exited. Of several deadlines the earliest counts."""
        self.channel.send(order)
        if order != PING:
            grace = STACKED_GRACE_SECONDS if self.stacked else GRACE_SECONDS[self.kind][order]
            deadline = time.monotonic() + grace
            self.order, self.deadline = order, min(deadline, self.deadline or deadline)

    def kill(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
