"""One of several API processes of `antigrad serve --processes`: python -m app.cli.api_process HOST PORT READY.

It listens on a socket of its own, writes a byte to the file descriptor READY, and ends when its stdin closes.
"""

import os
import signal
import socket
import sys
import threading

from app.cli.server import listen
from app.main import create_app
from app.ops.startup import starting
from app.settings import load


def main() -> None:
    host, port, ready = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    settings = load()
    with starting(settings):
        app = create_app(settings)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    listen(app, settings, host, port, sockets=[shared_socket(host, port)], when_ready=lambda: os.write(ready, b"1"))


def shared_socket(host: str, port: int) -> socket.socket:
    """A socket at an address where others listen too."""
    shared = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    shared.bind((host, port))
    return shared


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)  # uvicorn lets the requests end


if __name__ == "__main__":
    main()
