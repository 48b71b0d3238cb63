"""The HTTP server of `antigrad serve`; prints its address when it is ready."""

from contextlib import suppress
from functools import partial
from socket import socket

import typer
import uvicorn
from fastapi import FastAPI

from app.server.limits import Limits
from app.server.peers import Peers
from app.server.protocol import LimitedProtocol
from app.settings import Settings


class Server(uvicorn.Server):
    """uvicorn's server. It prints the address itself, because uvicorn's log would also print every request."""

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        host = f"[{self.config.host}]" if ":" in self.config.host else self.config.host
        typer.echo(f"http://{host}:{self.config.port} (docs at /docs)")


def listen(app: FastAPI, settings: Settings, host: str, port: int) -> None:
    """Serve requests until a signal ends the process."""
    peers = Peers(settings.connections_per_peer, settings.proxies)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=partial(LimitedProtocol, limits=Limits(), peers=peers),  # type: ignore[arg-type]  # only called
        ws="none",  # the service has none, and uvicorn's WebSockets are outside of these limits
        proxy_headers=False,  # read by ForwardedPeersMiddleware
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        Server(config).run()
