"""Forms (multipart/form-data), and bodies that a wrong header or a wrong option of curl has spoilt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from app.api.headers import header
from app.errors import Invalid, Malformed, TooLarge

FORM = "multipart/form-data"
PART = b"content-disposition:"  # curl calls a part an attachment if the header names another type
CURLS_DEFAULT = "application/x-www-form-urlencoded"  # the Content-Type of curl -d and curl --data-binary
STRIPPED = b"\n\r\0"  # what curl -d removes from a file; tables have line breaks, pictures and archives have zeros
FEW_BYTES = 2048  # of compressed data; fewer may have none of these by chance
HEAD_BYTES = 4096  # the beginning of a body, in which the headers of a form's first part are


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case; empty if it is missing."""
    return (header(request.scope, b"content-type") or "").partition(";")[0].strip().lower()


@asynccontextmanager
async def read_form(request: Request, most_files: int) -> AsyncIterator[FormData]:
    """The parts of a form. Raises Malformed if they cannot be told apart, and TooLarge for more than `most_files`."""
    if "boundary=" not in request.headers.get("Content-Type", "").lower():
        raise Malformed("form_without_boundary")
    try:
        parts = await request.form(max_files=most_files, max_fields=16)
    except HTTPException as error:
        if not isinstance(error.__context__, MultiPartException):  # the body was refused while it was read
            raise
        if error.detail.startswith("Too many files"):
            raise TooLarge("too_many_files", limit=most_files) from error
        raise Malformed("form_unreadable", reason=error.detail.rstrip(".")) from error
    try:
        yield parts
    finally:
        await parts.close()


def is_form(beginning: bytes) -> bool:
    """True if a body begins like a form."""
    return beginning.startswith(b"--") and PART in beginning[:HEAD_BYTES].lower()


def refuse_disguised_form(beginning: bytes, kind: str) -> None:
    """Raise Invalid if a body of another type begins like a form."""
    if is_form(beginning):
        raise Invalid("form_under_another_type", type=kind or "missing")


def is_stripped(piece: bytes) -> bool:
    """True if the piece has no byte that curl -d removes."""
    return not any(byte in piece for byte in STRIPPED)


def refuse_stripped(size: int, kind: str) -> None:
    """Raise Invalid for a body without any byte that curl -d removes. Of compressed data, a short one may be whole."""
    if size >= FEW_BYTES or kind == CURLS_DEFAULT or kind.startswith(("text/", "image/")):
        raise Invalid("upload_without_line_breaks")


async def with_head(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, of which the first has at least `HEAD_BYTES` if there are so many: clients may send a form's first
    line alone."""
    head = b""
    async for piece in pieces:
        head += piece
        if len(head) >= HEAD_BYTES:
            break
    yield head
    async for piece in pieces:
        yield piece
