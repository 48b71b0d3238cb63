"""Assembly of the FastAPI app: storage, middleware and routes."""

import gc
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from starlette.routing import BaseRoute

from app.api import openapi, problems
from app.api.access import AccessMiddleware
from app.api.addresses import PrefixMiddleware
from app.api.browser_guard import LOOPBACK_HOSTS, HostGuard, OriginGuard
from app.api.event_streams import newest_queries, news_queries
from app.api.failures import FailureMiddleware
from app.api.guards import GuardMiddleware, compressed_body, nul_in_address
from app.api.keyring import Keyring
from app.api.middleware import (
    BodyLimitMiddleware,
    HeadMiddleware,
)
from app.api.observation import ObservationMiddleware
from app.api.response_headers import ResponseHeadersMiddleware
from app.api.routes import (
    architectures,
    audit,
    batches,
    card,
    comparison,
    curves,
    dataset_views,
    datasets,
    diagnosis,
    diagrams,
    drift,
    events,
    experiments,
    exports,
    feedback,
    filters,
    inference,
    me,
    metrics,
    models,
    onnx,
    operations,
    part_predictions,
    predict,
    published,
    queue,
    race,
    registry,
    run_sets,
    runs,
    script,
    shares,
    surfaces,
    sweeps,
    timeline,
    trace,
    trajectory,
    uploads,
)
from app.api.scopes import ANY_KEY
from app.api.shortcut import ShortcutMiddleware
from app.api.tokens import Tokens
from app.api.tracing import telemetry
from app.api.wrong_keys import WrongKeys
from app.ops import retention
from app.ops.builtin_datasets import install_builtin
from app.runs.overview import Glances
from app.server.peers import ForwardedPeersMiddleware
from app.serving.exports import Exports
from app.serving.live_load import LiveLoad
from app.serving.model_cache import LoadedModels
from app.serving.observers import Observers
from app.serving.picture_decoders import PictureDecoders
from app.serving.places import Places
from app.serving.prediction_log import PredictionLog
from app.serving.rates import PredictionRates
from app.serving.service import PredictionService
from app.serving.shadowing import Shadows
from app.serving.weights import weights_queries
from app.serving.write_behind import WriteBehind
from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database
from app.storage.database_file import DatabaseFile
from app.storage.deletion import finish_deletions
from app.storage.files import Files, open_files
from app.storage.predictions import store_predictions
from app.storage.secrets import signing_secret
from app.storage.shadows import store_tallies
from app.web.site import PAGES

# Matched in this order for each request; /predict is requested most often.
ROUTES = (
    predict,
    batches,
    run_sets,  # before the runs: /runs/curve.png is no run
    comparison,
    runs,
    timeline,
    exports,
    curves,
    events,
    inference,
    diagnosis,
    part_predictions,
    filters,
    script,
    onnx,
    card,
    published,
    datasets,
    dataset_views,
    uploads,
    models,
    feedback,
    drift,
    architectures,
    diagrams,
    trace,
    registry,
    trajectory,
    surfaces,
    race,
    experiments,
    sweeps,
    queue,
    operations,
    metrics,
    me,
    shares,
    audit,
    *PAGES,
)
SLOW_AT_ONCE, SLOW_WAITING = 2, 30  # requests that compute or draw for long
DESCRIPTION = "Train a neural network over HTTP, watch it learn, and ask it for predictions."


def create_app(settings: Settings) -> FastAPI:
    """Create the app. Opens the database and the file store, and upgrades the schema.

    `app.ops.startup` turns the exceptions of a database or store that cannot be used into messages.
    """
    database = Database(settings.database, settings.database_connections)
    files = open_files(settings.files_url, settings.home)
    settings.create_home()
    migrate.upgrade(database)
    install_builtin(database, files)
    finish_deletions(database, files)
    files.sweep()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gc.freeze()  # full collections over torch's heap would pause predictions
        gc.set_threshold(700)  # Python's former default; `app.cli` raises it during start-up
        # A thread for each connection, so that requests wait here, in their order, and not for a connection.
        current_default_thread_limiter().total_tokens = settings.database_connections
        async with retention.enforced(database, files, settings.retention_days):
            yield
        await app.state.predictions.decoders.close()
        database.close()

    spans = telemetry(settings.trace_share)
    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        title="Antigrad",
        version=version("antigrad"),
        description=DESCRIPTION,
        lifespan=lifespan,
        telemetry=spans,
    )
    app.state.settings, app.state.database, app.state.files = settings, database, files
    app.state.traces = spans["tracing"]
    keyring = Keyring(database, settings.api_key, limits=settings.limits)
    tokens, wrong_keys = Tokens(signing_secret(database)), WrongKeys(time.monotonic)
    app.state.keyring, app.state.tokens, app.state.wrong_keys = keyring, tokens, wrong_keys
    app.state.database_file = DatabaseFile(database)
    app.state.exports = Exports(settings.home / "exports")
    app.state.places = Places(SLOW_AT_ONCE, SLOW_WAITING)
    app.state.glances = Glances()
    app.state.predictions = prediction_service(settings, database, files)
    app.state.runs = runs.run_queries(database)
    app.state.news, app.state.newest = news_queries(database), newest_queries(database)
    problems.register(app)
    # The last one added sees a request first.
    app.add_middleware(
        ShortcutMiddleware, service=app, method="POST", path=predict.PredictApp.path, to=predict.PredictApp()
    )
    app.add_middleware(HeadMiddleware)
    app.add_middleware(PrefixMiddleware)
    app.add_middleware(BodyLimitMiddleware)
    any_host = "*" in settings.hosts
    host = HostGuard(None if any_host else LOOPBACK_HOSTS.union(settings.hosts))
    guards = host, OriginGuard(settings.origins), nul_in_address, compressed_body
    app.add_middleware(GuardMiddleware, guards=guards)
    app.add_middleware(AccessMiddleware, database=database, keyring=keyring, tokens=tokens, wrong_keys=wrong_keys)
    app.add_middleware(FailureMiddleware)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "Idempotency-Key",
                "If-Match",
                "X-Request-Id",
                "X-Timeout-Ms",
            ],
            expose_headers=["Location", "Retry-After", "Allow", "ETag", "Server-Timing", "X-Request-Id"],
        )
    if settings.proxies:
        app.add_middleware(ForwardedPeersMiddleware, proxies=settings.proxies, most=settings.connections_per_peer)
    app.add_middleware(ResponseHeadersMiddleware)
    app.add_middleware(ObservationMiddleware, logs_access=settings.access_log)
    app.router.routes.extend(routes())

    # Relative addresses, so that the page works under any prefix of a proxy.
    @app.get("/docs", include_in_schema=False, dependencies=[ANY_KEY])
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title="Antigrad",
            swagger_js_url="static-offline-docs/swagger-ui-bundle.js",
            swagger_css_url="static-offline-docs/swagger-ui.css",
            swagger_favicon_url="static-offline-docs/favicon.png",
        )

    openapi.complete(app, keyring)
    return app


def routes() -> Iterator[BaseRoute]:
    """Yield the routes of all modules, in the order in which a request is matched.

    They are those of the modules themselves: `include_router` would build each a second time, for every app.
    """
    for module in ROUTES:
        yield from module.router.routes


def prediction_service(settings: Settings, database: Database, files: Files) -> PredictionService:
    """The service behind `/predict` and all that predicts as it does."""
    models, live = LoadedModels(files), LiveLoad()
    return PredictionService(
        weights=weights_queries(database),
        models=models,
        live=live,
        rates=PredictionRates(settings.processes),
        observers=Observers(
            Shadows(models, live, WriteBehind(partial(store_tallies, database))),
            PredictionLog(WriteBehind(partial(store_predictions, database))),
        ),
        decoders=PictureDecoders(),
    )
