"""`antigrad serve` while it listens: it says where, once it does."""

from contextlib import suppress
from socket import socket

import typer
import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """uvicorn's, which says nothing below the level `info`, and there of each request."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        typer.echo(f"http://{host}:{self.config.port} (docs at /docs)")


def listen(app: FastAPI, host: str, port: int) -> None:
    """Answer requests until a signal ends it."""
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    with suppress(KeyboardInterrupt):  # raised once more when all has been answered: the usual end
        Server(config).run()
