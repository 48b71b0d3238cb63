"""Dependencies that the routes share.

Dependencies must not yield a database session. FastAPI may run a dependency, the handler and its teardown on three
threads; a yielded session holds its connection in between, and with more requests than connections the pool deadlocks.
Open a session in one `with` block instead.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, get_origin

from fastapi import Depends, Header, Path, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from typing_extensions import TypeAliasType

from app.api.query import refuse_unknown
from app.plots.curves import Along, Format
from app.runs.overview import Glances
from app.runs.request_model import Name
from app.serving.exports import Exports
from app.serving.places import Places
from app.settings import Settings
from app.storage import runs
from app.storage.database import Database
from app.storage.database_file import DatabaseFile
from app.storage.files import Files
from app.storage.tables import Run


# Coroutines, because FastAPI would run each plain function in a thread.
async def database(request: Request) -> Database:
    """The database as the caller sees it."""
    database: Database = request.app.state.database
    return database.of(request.state.caller)


async def files(request: Request) -> Files:
    files: Files = request.app.state.files
    return files


async def database_file(request: Request) -> DatabaseFile:
    file: DatabaseFile = request.app.state.database_file
    return file


async def settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


async def exports(request: Request) -> Exports:
    exports: Exports = request.app.state.exports
    return exports


async def glances(request: Request) -> Glances:
    glances: Glances = request.app.state.glances
    return glances


async def places(request: Request) -> Places:
    """The bounded places for work that takes long: without a bound, such requests would take all threads."""
    places: Places = request.app.state.places
    return places


GlancesDep = Annotated[Glances, Depends(glances)]
PlacesDep = Annotated[Places, Depends(places)]


async def slow_place(places: PlacesDep) -> AsyncIterator[None]:
    """Hold one of the places for work that takes long, until the answer is ready or begins. Raises NotReady."""
    async with places.one():
        yield


SLOW = Depends(slow_place, scope="function")
ExportsDep = Annotated[Exports, Depends(exports)]
DatabaseDep = Annotated[Database, Depends(database)]
DatabaseFileDep = Annotated[DatabaseFile, Depends(database_file)]
SettingsDep = Annotated[Settings, Depends(settings)]
FilesDep = Annotated[Files, Depends(files)]


ModelName: Any = Annotated[Name, Path(description="a model's name: letters, digits, `.`, `_` and `-`")]
RunId = Annotated[str, Path(description="a run's id", examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])]


def find_run(id: RunId, database: DatabaseDep) -> Run:
    with database.read() as db:
        return runs.get(db, id)


RunDep = Annotated[Run, Depends(find_run, scope="function")]
Limit = Annotated[int, Query(ge=1, le=200, description="maximum number of items")]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="any text of the client's choice; a second request with the same key and body creates nothing",
    ),
]
OwnerFilter = Annotated[
    str | None,
    Query(
        max_length=100,
        description="only what belongs to this owner; empty for what is common. A key sees what belongs to its own "
        "owner and what is common, an admin's key everything",
        examples=["s1"],
    ),
]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the previous page")]
# An alias has its name in the OpenAPI document, and so in generated clients.
Axis = TypeAliasType("Axis", Along)
PictureFormat = TypeAliasType("PictureFormat", Format)
FormatDep = Annotated[PictureFormat, Path(description="`png`, or `svg` for a vector graphic")]


def accepted(response: Response, address: str) -> None:
    """Set 202 Accepted with Location and Retry-After (seconds)."""
    response.status_code = 202
    response.headers["Location"] = address
    response.headers["Retry-After"] = "1"


def repeated(response: Response, address: str) -> None:
    """Set 200 with Location: an earlier request with this Idempotency-Key created the resource."""
    response.status_code = 200
    response.headers["Location"] = address


def only_known_parameters(request: Request) -> None:
    """Reject unknown query parameters and repeated ones, which FastAPI would silently ignore. Raises Invalid.

    FastAPI offers a query model with `extra="forbid"`. That would need a model for each route, even for those without
    parameters, and routes could not share a dependency that has parameters, such as a filter.
    """
    if not request.scope["query_string"]:
        return
    refuse_unknown(request.query_params, *_known_parameters(request.scope["route"]))


Parameters = tuple[list[str], set[str]]
_known: dict[str, Parameters] = {}  # by route: walking its dependencies can take longer than answering


def _known_parameters(route: APIRoute) -> Parameters:
    """The names of a route's query parameters, including those of its dependencies; and of them those that take a
    list."""
    if route.unique_id not in _known:
        documented = (route.openapi_extra or {}).get("parameters", ())
        own = [parameter["name"] for parameter in documented]
        declared = list(_query_parameters(route.dependant))
        lists = {name for name, annotation in declared if get_origin(annotation) is list}
        _known[route.unique_id] = [*own, *(name for name, _ in declared)], lists
    return _known[route.unique_id]


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, Any]]:
    """Names and annotations."""
    for parameter in dependant.query_params:
        yield parameter.alias, parameter.field_info.annotation
    for dependency in dependant.dependencies:
        yield from _query_parameters(dependency)
