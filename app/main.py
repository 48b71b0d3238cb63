"""Assembly of the FastAPI app: storage, middleware and routes."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline

from app.api import problems
from app.api.browser_guard import LOOPBACK_HOSTS, HostMiddleware, OriginMiddleware
from app.api.deps import only_known_parameters
from app.api.middleware import AddressMiddleware, ApiKeyMiddleware, BodyLimitMiddleware
from app.api.response_headers import ResponseHeadersMiddleware
from app.api.routes import (
    architectures,
    curves,
    dataset_views,
    datasets,
    diagnosis,
    diagrams,
    events,
    experiments,
    models,
    operations,
    predict,
    published,
    race,
    registry,
    runs,
    script,
    trace,
    trajectory,
    uploads,
)
from app.ops.builtin_datasets import install_builtin
from app.server.peers import ForwardedPeersMiddleware
from app.serving.exports import Exports
from app.serving.model_cache import LoadedModels
from app.serving.picture_decoders import PictureDecoders
from app.serving.places import Places
from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database
from app.storage.database_file import DatabaseFile
from app.storage.deletion import finish_deletions
from app.storage.files import open_files

# Matched in this order for each request; /predict is requested most often.
ROUTES = (
    predict,
    runs,
    curves,
    events,
    diagnosis,
    script,
    published,
    datasets,
    dataset_views,
    uploads,
    models,
    architectures,
    diagrams,
    trace,
    registry,
    trajectory,
    race,
    experiments,
    operations,
)
SLOW_AT_ONCE, SLOW_WAITING = 2, 30  # requests that compute or draw for long
DESCRIPTION = "Train a neural network over HTTP, watch it learn, and ask it for predictions."


def create_app(settings: Settings) -> FastAPI:
    """Create the app. Opens the database and the file store, and upgrades the schema.

    `app.ops.startup` turns the exceptions of a database or store that cannot be used into messages.
    """
    database, files = Database(settings.database), open_files(settings.files_url, settings.home)
    settings.create_home()
    migrate.upgrade(database)
    install_builtin(database, files)
    finish_deletions(database, files)
    files.sweep()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.freeze()  # full collections over torch's heap would pause predictions
        gc.set_threshold(700)  # Python's former default; `app.cli` raises it during start-up
        yield
        await app.state.decoders.close()
        database.close()

    app = FastAPIOffline(
        redoc_url=None, title="Antigrad", version=version("antigrad"), description=DESCRIPTION, lifespan=lifespan
    )
    app.state.settings, app.state.database, app.state.files = settings, database, files
    app.state.database_file = DatabaseFile(database)
    app.state.models = LoadedModels(files)
    app.state.decoders, app.state.exports = PictureDecoders(), Exports(settings.home / "exports")
    app.state.places = Places(SLOW_AT_ONCE, SLOW_WAITING)
    app.state.weights = predict.weights_queries(database)
    app.state.runs, app.state.news = runs.run_queries(database), events.news_queries(database)
    app.add_middleware(BodyLimitMiddleware)  # the last one added sees a request first
    app.add_middleware(AddressMiddleware)
    if settings.api_key is not None:
        app.add_middleware(ApiKeyMiddleware, api_key=settings.api_key.get_secret_value())
    app.add_middleware(OriginMiddleware, allowed=settings.origins)
    any_host = settings.api_key is not None or "*" in settings.hosts  # a page has no key to send
    app.add_middleware(HostMiddleware, allowed=None if any_host else LOOPBACK_HOSTS.union(settings.hosts))
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key"],
            expose_headers=["Location", "Retry-After", "Allow"],
        )
    if settings.proxies:
        app.add_middleware(ForwardedPeersMiddleware, proxies=settings.proxies, most=settings.connections_per_peer)
    app.add_middleware(ResponseHeadersMiddleware)
    problems.register(app, locked=settings.api_key is not None)
    for routes in ROUTES:
        app.include_router(routes.router, dependencies=[Depends(only_known_parameters)])

    @app.get("/", include_in_schema=False)
    def root() -> RedirectResponse:
        return RedirectResponse("/docs")

    return app
