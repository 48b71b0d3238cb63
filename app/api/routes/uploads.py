"""Uploads of datasets: streamed to files of any size, and imported by a worker."""

import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool, run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect

from app.api.addresses import address
from app.api.deps import DatabaseDep, FilesDep, Key
from app.api.forms import FORM, is_stripped, media_type, read_form, refuse_disguised_form, refuse_stripped, with_head
from app.api.problems import no_such_part, problems
from app.api.router import Router
from app.api.schemas.bodies import BINARY
from app.api.schemas.datasets import DatasetAnswer, dataset_answer
from app.api.schemas.import_options import reading
from app.api.scopes import TRAIN
from app.datasets.catalogue.published import CATALOGUE, Published
from app.datasets.formats.content import FILE, ROLES
from app.datasets.import_options import ImportOptions
from app.errors import Conflict, Invalid, InvalidFields, Malformed, NotReady, TooLarge
from app.messages import FieldError, Fix, Message
from app.os_errors import reason_of
from app.runs.limits import refuse_bytes
from app.runs.request_model import Name
from app.storage import datasets, idempotency
from app.storage.database import Database
from app.storage.files import Files
from app.storage.ids import new_id

router = Router(prefix="/datasets", tags=["datasets"])


PARTS = {"$ref": "#/components/schemas/UploadParts"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": BINARY, "example": "the content of letters.zip"},
            "multipart/form-data": {"schema": PARTS, "example": {"file": "letters.zip"}},
        },
    }
}
DatasetName: Any = Annotated[Name, Query(description="an upload under an existing name is its next version")]
SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": DatasetAnswer, "description": "Created earlier with this Idempotency-Key"}
}


@router.post("", summary="Upload a dataset", status_code=202, openapi_extra=BODY,
             responses=problems(Invalid, Malformed, Conflict, TooLarge, NotReady) | SENT_AGAIN,
             dependencies=[TRAIN])  # fmt: skip
async def upload_dataset(
    name: Annotated[
        Name, Query(description="the dataset's name; an upload under an existing name is its next version")
    ],
    wanted: Annotated[ImportOptions, Depends(reading)],
    request: Request,
    response: Response,
    database: DatabaseDep,
    files: FilesDep,
    catalogue: Annotated[
        Literal[tuple(CATALOGUE)] | None,  # type: ignore[valid-type]
        Query(description="the catalogue entry whose files these are; they are read with that entry's options"),
    ] = None,
    key: Key = None,
) -> DatasetAnswer:
    """Send a .zip or .tar (also .gz, .bz2, .xz, .zst) with a folder for each class, an .npz file, or a table as CSV or
    Parquet (with `target=`). Send it as multipart (`curl -F file=@letters.zip`) or as the raw body
    (`curl --data-binary @letters.zip`). Or send IDX files as multipart: `images` and `labels`, and optionally
    `test_images` and `test_labels`. The format is detected from the content.

    The import runs in the background until `status` is `ready`. An upload under an existing name becomes its next
    version."""
    await run_in_threadpool(refuse_early, database, name)
    if catalogue is not None and (given := wanted.given()):
        raise InvalidFields(
            [
                FieldError(option, Message.of("catalogue_says_how", catalogue=catalogue, option=option))
                for option in given
            ]
        )
    id = new_id("ds")
    kept = False
    try:
        digests = await receive(request, files, id)
        source = {"roles": list(digests), "reading": wanted.to_json(), "catalogue": catalogue}
        if catalogue is not None:
            refuse_other_files(CATALOGUE[catalogue], digests)
            source["sha256"] = digests
        digest = hashlib.sha256(json.dumps([name, digests, source], sort_keys=True).encode()).hexdigest()
        answer = await run_in_threadpool(enqueue, database, files, id, name, source, key, digest)
        kept = answer.id == id
    except OSError as error:
        raise NotReady("upload_not_stored", reason=reason_of(error)) from error
    except ClientDisconnect as error:
        raise Malformed("upload_cut_off") from error
    finally:
        if not kept:
            with suppress(OSError):  # the client gets the first error
                await run_in_threadpool(files.delete_folder, f"{datasets.FOLDER}/{id}")
    response.status_code = 202 if kept else 200
    response.headers["Location"] = address(f"/datasets/{answer.id}")
    response.headers["Retry-After"] = "1"
    return answer


def refuse_early(database: Database, name: str) -> None:
    """Check the name before the body is received. Raises Invalid or Conflict."""
    if name.startswith(datasets.UPLOADED):
        raise Invalid("name_like_id", "name", prefix=datasets.UPLOADED)
    if name == "catalogue":  # /datasets/catalogue is a route
        raise Invalid("name_reserved", "name", name=name)
    with database.read() as db:
        datasets.refuse_built_in(db, name)
        refuse_bytes(db, 0)


def refuse_other_files(published: Published, digests: dict[str, str]) -> None:
    """Raise Invalid if the files differ from those of the catalogue entry, since readers would mistake them for it."""
    wanted, sent = [file.role for file in published.files], list(digests)
    if sorted(wanted) != sorted(sent):
        fix = Fix("catalogue", None)
        raise Invalid("catalogue_parts_differ", "catalogue", fix, catalogue=published.name, wanted=wanted, sent=sent)
    for file in published.files:
        digest = digests[file.role]
        if file.sha256 not in (None, digest):
            sums = {"sha256": digest, "wanted": file.sha256}
            raise Invalid("catalogue_file_differs", f"/{file.role}", file=file.name, **sums)


def enqueue(
    database: Database, files: Files, id: str, name: str, source: dict[str, Any], key: str | None, digest: str
) -> DatasetAnswer:
    """Create the dataset, which then waits for a worker, or return the one that this key has already created."""

    def find() -> DatasetAnswer | None:
        with database.read() as db:
            dataset = idempotency.dataset_made_by(db, key, digest) if key else None
            return None if dataset is None else dataset_answer(dataset)

    def create() -> DatasetAnswer:  # Conflict: a concurrent request has used the key or the version
        bytes = files.size(f"{datasets.FOLDER}/{id}")
        with database.write() as db:
            refuse_bytes(db, bytes)
            dataset = datasets.create(db, id, name, source, bytes=bytes)
            if key:
                idempotency.remember(db, key, digest, dataset=id)
            return dataset_answer(dataset)

    return idempotency.once(find, create)


async def receive(request: Request, files: Files, id: str) -> dict[str, str]:
    """Store the files of the upload; returns their SHA-256 by role. Raises Invalid."""
    digests = {}
    kind = media_type(request)
    async with aclosing(_parts(request)) as parts:
        async for role, pieces in parts:
            digest, size, stripped = hashlib.sha256(), 0, kind != FORM
            async with contextmanager_in_threadpool(files.create(datasets.upload(id, role))) as file:
                async for piece in pieces:
                    if not size and kind != FORM:
                        refuse_disguised_form(piece, kind)
                    stripped = stripped and is_stripped(piece)
                    digest.update(piece)
                    size += len(piece)
                    await run_in_threadpool(file.write, piece)
            if size == 0:
                of_body = kind != FORM
                raise Invalid("upload_empty", "" if of_body else f"/{role}", part="the body" if of_body else role)
            if stripped:
                refuse_stripped(size, kind)
            digests[role] = digest.hexdigest()
    return digests


async def _parts(request: Request) -> AsyncGenerator[tuple[str, AsyncIterator[bytes]], None]:
    """The files of the body with their roles: a single file, or the parts of an IDX dataset."""
    if media_type(request) != FORM:
        yield FILE, with_head(request.stream())
        return
    async with read_form(request, len(ROLES)) as form:
        sent = {role: part for role in ROLES if isinstance(part := form.get(role), UploadFile)}
        if not sent:
            raise no_such_part(form, FILE, "letters.zip")
        for name, part in form.multi_items():
            if name not in sent:
                raise Invalid("unknown_part", f"/{name}", part=name, parts=ROLES)
            if part is not sent[name]:
                raise Invalid("part_sent_twice", f"/{name}", part=name)
        if FILE in sent and len(sent) > 1:
            raise Invalid("file_and_parts", f"/{FILE}", parts=ROLES[1:])
        for role, part in sent.items():
            yield role, _pieces(part)


async def _pieces(part: UploadFile) -> AsyncIterator[bytes]:
    while piece := await part.read(2**20):
        yield piece
