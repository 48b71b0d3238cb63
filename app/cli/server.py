"""The HTTP server of `antigrad serve`, which prints its address once it listens."""

from contextlib import suppress
from socket import socket

import typer
import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """uvicorn's server. Its own log would print an address only together with every request."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        typer.echo(f"http://{host}:{self.config.port} (docs at /docs)")


def listen(app: FastAPI, host: str, port: int) -> None:
    """Answer requests until a signal ends the process."""
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        Server(config).run()
