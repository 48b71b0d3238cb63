"""Start of the warm server, from a worker."""

import os
import socket
import subprocess
import sys

# By default OpenMP's threads spin while they wait. On a machine with other load, spinning was measured to cost 90% of
# the training speed.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


class ServerDied(RuntimeError):
    """The process from which children are forked has ended."""


def start_server() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """Start the process from which children are forked; returns the socket to it, and the process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.prefork.server", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env=PASSIVE | os.environ,
    )
    theirs.close()
    return ours, process
