"""ETags and 304 Not Modified for answers that clients poll."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response

IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", max_length=1000, description="the ETag of an earlier answer")
]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged"}}


def etag_of(content: bytes) -> str:
    """The ETag for this content, which is the answer itself or determines it completely."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def knows(if_none_match: str | None, etag: str) -> bool:
    """True if If-None-Match contains the ETag. Lists and weak forms are allowed."""
    return etag in (if_none_match or "")


def unchanged(etag: str) -> Response:
    """The 304 answer."""
    return Response(status_code=304, headers={"ETag": etag})
