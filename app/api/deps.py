"""What the routes share: a dependency is a type."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Query, Request
from sqlalchemy.orm import Session

from app.serving.models import LoadedModels
from app.storage import runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Run


# These wait for nothing: as plain functions they would each be sent to a thread.
async def database(request: Request) -> Database:
    found: Database = request.app.state.database
    return found


async def files(request: Request) -> Files:
    found: Files = request.app.state.files
    return found


async def loaded_models(request: Request) -> LoadedModels:
    found: LoadedModels = request.app.state.models
    return found


DatabaseDep = Annotated[Database, Depends(database)]
FilesDep = Annotated[Files, Depends(files)]
ModelsDep = Annotated[LoadedModels, Depends(loaded_models)]


def reading(database: DatabaseDep) -> Iterator[Session]:
    with database.read() as db:
        yield db


def writing(database: DatabaseDep) -> Iterator[Session]:
    with database.write() as db:
        yield db


# Function scope: the commit happens before the answer leaves, so that a failed one is not answered with success.
ReadDep = Annotated[Session, Depends(reading, scope="function")]
WriteDep = Annotated[Session, Depends(writing, scope="function")]


def find_run(id: str, db: ReadDep) -> Run:
    return runs.get(db, id)


RunDep = Annotated[Run, Depends(find_run, scope="function")]
Limit = Annotated[int, Query(ge=1, le=200, description="how many items at most")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before")]
