"""Scripts, styles and pictures of the pages. They are in memory, and their address changes with their content."""

import gzip
import hashlib
import json
import mimetypes
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from app.api.access import STATIC
from app.api.addresses import address
from app.web.translations import TRANSLATIONS

FOLDER = Path(__file__).parent / "static"
VENDORED = "vendor/"
# A comment that fills its lines.
COMMENT = re.compile(rb"^[ \t]*(?://[^\n]*|/\*(?:(?!\*/).)*\*/[ \t]*)\n", re.MULTILINE | re.DOTALL)
COMPRESSED = ("text/css", "text/javascript", "image/svg+xml", "application/json")


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
    contents = {name: _content(name) for name in (path.relative_to(FOLDER).as_posix() for path in paths)}
    for language, texts in TRANSLATIONS.items():
        contents[f"messages.{language}.json"] = json.dumps(texts, ensure_ascii=False).encode()
    return {name: _file(name, content) for name, content in contents.items()}


def _content(name: str) -> bytes:
    """The file; scripts and styles without their comments, which are for those who read them here."""
    content = (FOLDER / name).read_bytes()
    is_own = name.endswith((".js", ".css")) and not name.startswith(VENDORED)
    return COMMENT.sub(b"", content) if is_own else content


def _file(name: str, content: bytes) -> StaticFile:
    media_type = mimetypes.guess_type(name)[0] or "text/plain"
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
