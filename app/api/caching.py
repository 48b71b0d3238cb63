"""What pollers read has an ETag: who sends it back in If-None-Match hears "unchanged", and no body."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Response

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000, description="an ETag seen before")]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged"}}


def etag_of(content: bytes) -> str:
    """The ETag of an answer with this content, or of one that follows from it alone."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def knows(if_none_match: str | None, etag: str) -> bool:
    """Whether a client has seen it: the header may be a list, and a proxy may have made the ETag a weak one."""
    return etag in (if_none_match or "")


def unchanged(etag: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag})
