"""Bodies of predictions, told apart by their Content-Type."""

from typing import NamedTuple

from fastapi import Request
from starlette.datastructures import UploadFile

from app.api.client_connection import whole_body
from app.api.forms import (
    CURLS_DEFAULT,
    FORM,
    is_stripped,
    media_type,
    read_form,
    refuse_disguised_form,
    refuse_stripped,
)
from app.api.problems import no_such_part
from app.api.schemas.bodies import MOST_PICTURES
from app.errors import Invalid, UnsupportedMediaType
from app.serving.file_inputs import is_file

FILES = {
    "application/zip": ".zip",
    "application/x-npy": ".npy",
    "application/x-npz": ".npz",
    "application/vnd.safetensors": ".safetensors",
}


class Numbers(NamedTuple):
    """Instances as JSON."""

    json: bytes


class Pictures(NamedTuple):
    """The content of each picture, and the JSON pointer at which an error refers to it."""

    contents: list[bytes]
    pointers: list[str]


class File(NamedTuple):
    """Arrays (.npy, .npz, safetensors), or an archive of pictures."""

    content: bytes


class Table(NamedTuple):
    """Rows as CSV."""

    content: bytes


async def read_body(request: Request) -> Numbers | Pictures | File | Table:
    """Read the body. Raises Invalid, Malformed, TooLarge or UnsupportedMediaType."""
    kind = media_type(request)
    if kind == FORM:
        contents = await _parts(request)
        return Pictures(contents, [f"/image/{place}" for place in range(len(contents))])
    body = await whole_body(request)
    refuse_disguised_form(body, kind)
    if not body and kind != "application/json":
        raise Invalid("body_empty", "")
    if kind != "application/json" and not body.lstrip().startswith((b"{", b"[")) and is_stripped(body):
        refuse_stripped(len(body), kind)
    if kind.startswith("image/"):
        return Pictures([body], [""])
    if kind == "application/json":
        return Numbers(body)
    if kind == "text/csv":
        return Table(body)
    if kind in FILES or (kind == "application/octet-stream" and is_file(body)):
        if not is_file(body):
            raise Invalid("file_not_as_declared", "", type=kind, ending=FILES[kind])
        return File(body)
    if kind == "application/octet-stream":
        return Pictures([body], [""])
    raise UnsupportedMediaType("content_type_unknown", type=kind or "missing", curl=kind == CURLS_DEFAULT)


async def _parts(request: Request) -> list[bytes]:
    async with read_form(request, MOST_PICTURES) as form:
        files = [item for item in form.getlist("image") if isinstance(item, UploadFile)]
        if not files:
            raise no_such_part(form, "image", "a.png")
        return [await item.read() for item in files]
