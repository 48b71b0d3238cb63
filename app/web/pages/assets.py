"""The scripts, styles and pictures of the pages."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from app.api.access import STATIC
from app.api.scopes import OPEN
from app.errors import NotFound
from app.web.static_files import static_files, version

router = APIRouter(include_in_schema=False)

YEAR = 31536000  # seconds


@router.get(f"{STATIC}{{edition}}/{{name:path}}", dependencies=[OPEN])
async def get_static_file(edition: str, name: str, accept_encoding: Annotated[str, Header()] = "") -> Response:
    """A file. A page from before an upgrade gets the present content, which no cache keeps under the old address."""
    file = static_files().get(name)
    if file is None:
        raise NotFound("not_found")
    kept = f"public, max-age={YEAR}, immutable" if edition == version() else "no-cache"
    headers = {"Cache-Control": kept, "Vary": "Accept-Encoding"}
    if file.gzipped is not None and "gzip" in accept_encoding:
        return Response(file.gzipped, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
