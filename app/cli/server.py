"""The HTTP server of `antigrad serve`; prints its address when it is ready."""

from contextlib import suppress
from socket import socket

import typer
import uvicorn
from fastapi import FastAPI


class Server(uvicorn.Server):
    """uvicorn's server. It prints the address itself, because uvicorn's log would also print every request."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        typer.echo(f"http://{host}:{self.config.port} (docs at /docs)")


def listen(app: FastAPI, host: str, port: int) -> None:
    """Serve requests until a signal ends the process."""
    config = uvicorn.Config(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        Server(config).run()
