"""ETags and 304 Not Modified for answers that clients poll."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000, description="an ETag seen before")]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged"}}


def etag_of(content: bytes) -> str:
    """The ETag of an answer with this content, or of one that follows from it alone."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def knows(if_none_match: str | None, etag: str) -> bool:
    """True if If-None-Match contains the ETag. Lists and weak forms are allowed."""
    return etag in (if_none_match or "")


def unchanged(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag})
