"""What the routes share: a dependency is a type.

No dependency holds a database session for its route. Between the threads of a dependency, of the route and of the end
of both, such a session keeps its connection while nobody works on it: with more requests at once than connections, all
threads wait for connections whose holders wait for a thread. So a session lives in one `with` block of one thread.
"""

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute

from app.errors import FieldError, Invalid
from app.settings import Settings
from app.storage import runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run
from app.suggestions import nearest


# These wait for nothing: as plain functions they would each be sent to a thread.
async def database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


async def files(request: Request) -> Files:
    found: Files = request.app.state.files
    return found


async def settings(request: Request) -> Settings:
    found: Settings = request.app.state.settings
    return found


DatabaseDep = Annotated[Database, Depends(database)]
SettingsDep = Annotated[Settings, Depends(settings)]
FilesDep = Annotated[Files, Depends(files)]


def find_run(id: str, database: DatabaseDep) -> Run:
    with database.read() as db:
        return runs.get(db, id)


RunDep = Annotated[Run, Depends(find_run, scope="function")]
Limit = Annotated[int, Query(ge=1, le=200, description="how many items at most")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]


async def only_known_parameters(request: Request) -> None:
    """Raises Invalid for a query parameter that the route does not have: ignored, it would be missed by nobody."""
    if not request.scope["query_string"]:
        return
    known = _query_parameters(request.scope["route"])
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        there = f"there are {', '.join(known)}" if known else "there are none"
        found = [FieldError(name, f"there is no such parameter; {there}{nearest(name, known)}") for name in unknown]
        raise Invalid("; ".join(f"{error.pointer}: {error.detail}" for error in found[:5]), found)


_names: dict[str, list[str]] = {}  # by route: looking through its dependencies takes longer than many a request


def _query_parameters(route: APIRoute) -> list[str]:
    """Those of its dependencies too."""
    if route.unique_id not in _names:
        found = get_flat_params(route.dependant)
        own = [parameter["name"] for parameter in (route.openapi_extra or {}).get("parameters", ())]
        _names[route.unique_id] = [
            *own,
            *(field.alias for field in found if isinstance(field.field_info, QueryParameter)),
        ]
    return _names[route.unique_id]
