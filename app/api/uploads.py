"""Uploads of datasets: streamed to a file, whatever their size, and imported by a worker."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import IO, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from app.api.answers import DatasetAnswer, dataset_answer
from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import no_such_part, problems
from app.errors import Conflict, FieldError, Invalid, Malformed, NotReady, TooLarge
from app.storage import datasets, keys
from app.storage.database import Database
from app.storage.ids import new_id

router = APIRouter(prefix="/datasets", tags=["datasets"])

BINARY = {"type": "string", "format": "binary"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": BINARY},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": BINARY}}},
        },
    }
}
Name = Annotated[str, Query(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", examples=["letters"])]
SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": DatasetAnswer, "description": "This Idempotency-Key has made it already"}
}
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


@router.post("", summary="Upload a dataset", status_code=202, openapi_extra=BODY,
             responses=problems(Invalid, Malformed, Conflict, TooLarge, NotReady) | SENT_AGAIN)  # fmt: skip
async def upload(
    name: Name, request: Request, response: Response, database: DatabaseDep, files: FilesDep, key: Key = None
) -> DatasetAnswer:
    """Send a .zip, .tar or .tar.gz with a folder a class, as multipart (`curl -F file=@letters.zip`) or as the raw body
    (`curl --data-binary @letters.zip`). It is imported in the background: `status` says when it is `ready`."""
    await run_in_threadpool(refuse_early, database, name, key)
    id = new_id("ds")
    kept = False
    try:
        async with contextmanager_in_threadpool(files.create(f"datasets/{id}/upload")) as file:
            digest = await receive(request, file)
        answer = await run_in_threadpool(enqueue, database, id, name, key, f"{name}/{digest}")
        kept = answer.id == id
    except OSError as error:
        raise NotReady(f"the upload cannot be stored: {error.strerror}; nothing was changed") from error
    except ClientDisconnect as error:
        raise Malformed("the upload ended before its end; send it again") from error
    finally:
        if not kept:
            with suppress(OSError):  # the client is told what came before
                await run_in_threadpool(files.delete_folder, f"datasets/{id}")
    response.status_code = 202 if kept else 200
    response.headers["Location"] = f"/datasets/{answer.id}"
    response.headers["Retry-After"] = "1"
    return answer


def refuse_early(database: Database, name: str, key: str | None) -> None:
    """Refuse what can be refused before the body has come. Raises Invalid or Conflict."""
    if name.startswith(datasets.UPLOADED):
        detail = f"a name does not begin with {datasets.UPLOADED!r}, as ids do; choose another one"
        raise Invalid(detail, [FieldError("name", detail)])
    if key is None:  # with a key it may be the same upload once more
        with database.read() as db:
            datasets.refuse_taken(db, name)


def enqueue(database: Database, id: str, name: str, key: str | None, digest: str) -> DatasetAnswer:
    """Create the dataset, which from then on waits for a worker; or find the one that this key has created already."""

    def find() -> DatasetAnswer | None:
        with database.read() as db:
            dataset = keys.dataset_made_by(db, key, digest) if key else None
            return None if dataset is None else dataset_answer(dataset)

    def create() -> DatasetAnswer:  # a Conflict is of the key or of the name: both may be those of the same upload
        with database.write() as db:
            dataset = datasets.create(db, id, name)
            if key:
                keys.remember(db, key, digest, dataset=id)
            return dataset_answer(dataset)

    return keys.once(find, create)


async def receive(request: Request, file: IO[bytes]) -> str:
    """Write the upload's bytes to the file, and answer their SHA-256. Raises Invalid."""
    digest = hashlib.sha256()
    async with aclosing(_pieces(request)) as pieces:
        async for piece in pieces:
            digest.update(piece)
            await run_in_threadpool(file.write, piece)
    if file.tell() == 0:
        raise Invalid("the body is empty; send an archive with curl --data-binary @letters.zip or -F file=@letters.zip")
    return digest.hexdigest()


async def _pieces(request: Request) -> AsyncGenerator[bytes, None]:
    kind = request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind != "multipart/form-data":
        async for piece in request.stream():
            yield piece
        return
    async with request.form(max_files=1, max_fields=16) as form:
        part = form.get("file")
        if not isinstance(part, UploadFile):
            raise no_such_part(form, "file", "letters.zip")
        while piece := await part.read(2**20):
            yield piece
