"""Scripts, styles and pictures of the pages. They are in memory, and their address changes with their content."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.api.access import STATIC
from app.api.addresses import address

FOLDER = Path(__file__).parent / "static"
COMPRESSED = ("text/css", "text/javascript", "image/svg+xml")


@dataclass(frozen=True)
class StaticFile:
    """A file; `gzipped` is None for one that is compressed by itself."""

    media_type: str
    content: bytes
    gzipped: bytes | None


@lru_cache(1)
def static_files() -> dict[str, StaticFile]:
    """All files, by their paths below the folder."""
    paths = sorted(path for path in FOLDER.rglob("*") if path.is_file())
    return {path.relative_to(FOLDER).as_posix(): _read(path) for path in paths}


def _read(path: Path) -> StaticFile:
    media_type = mimetypes.guess_type(path.name)[0] or "text/plain"
    content = path.read_bytes()
    return StaticFile(media_type, content, gzip.compress(content) if media_type in COMPRESSED else None)


@lru_cache(1)
def version() -> str:
    """A name for the content of all files: modules import each other, so they change their addresses together."""
    digest = hashlib.sha256()
    for name, file in static_files().items():
        digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
    return digest.hexdigest()[:12]


def static(name: str) -> str:
    """The address of a file. Raises KeyError if there is none."""
    static_files()[name]
    return address(f"{STATIC}{version()}/{name}")
