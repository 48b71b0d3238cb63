"""The HTTP server of `antigrad serve`."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from socket import socket

import uvicorn
from fastapi import FastAPI

from app import logs
from app.api.tracing import sampled
from app.cli.address import say_address
from app.server.limits import Limits
from app.server.peers import Peers
from app.server.protocol import LimitedProtocol
from app.settings import Settings


class Server(uvicorn.Server):
    """uvicorn's server, which calls `when_ready` as soon as it listens. uvicorn's log would also print each request."""

    def __init__(self, config: uvicorn.Config, when_ready: Callable[[], object]) -> None:
        super().__init__(config)
        self.when_ready = when_ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.when_ready()


def listen(
    app: FastAPI,
    settings: Settings,
    host: str,
    port: int,
    sockets: Sequence[socket] = (),
    when_ready: Callable[[], object] | None = None,
) -> None:
    """Serve requests until a signal ends the process. Listens on `sockets` in place of the address, if given.

    When it is ready, it prints the address, or calls `when_ready`.
    """
    logs.configure(settings.log_format)
    peers = Peers(settings.connections_per_peer, settings.proxies)
    config = uvicorn.Config(
        sampled(app, settings.trace_share) if app.state.traces else app,
        host=host,
        port=port,
        http=partial(LimitedProtocol, limits=Limits(), peers=peers),  # type: ignore[arg-type]  # only called
        ws="none",  # the service has none, and uvicorn's WebSockets are outside of these limits
        root_path=settings.root_path,
        proxy_headers=False,  # read by ForwardedPeersMiddleware
        log_level="warning",
        timeout_graceful_shutdown=3,
    )
    server = Server(config, when_ready or partial(say_address, host, port))
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after its shutdown
        server.run(list(sockets) or None)
