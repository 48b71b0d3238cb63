"""File stores: named files in a folder or in an object store."""

from pathlib import Path

from app.storage.files.base import Files, FilesRefused, OutsideOfStore, inside, is_away
from app.storage.files.local import LocalFiles

__all__ = ["Files", "FilesRefused", "LocalFiles", "OutsideOfStore", "inside", "is_away", "open_files"]


def open_files(url: str, home: Path) -> Files:
    """Open the file store that the settings name. Not to be used after a fork. Raises FilesRefused."""
    if not url:
        return LocalFiles(home / "files")
    scheme, separator, place = url.partition("://")
    if separator and scheme != "s3":
        raise FilesRefused(f"ANTIGRAD_FILES_URL begins with {scheme!r}; an object store is written s3://bucket/prefix")
    if not separator or place.startswith("/") or not place:
        raise FilesRefused("ANTIGRAD_FILES_URL names no bucket; an object store is written s3://bucket/prefix")
    if set(place) & set("@?#"):  # the URL may contain a password, so it is not shown
        raise FilesRefused(
            "ANTIGRAD_FILES_URL contains more than a bucket and a prefix; give credentials and options in the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    try:
        from app.storage.files.s3 import S3Files  # imported here: it takes a second to load
    except ImportError as error:
        raise FilesRefused(f"ANTIGRAD_FILES_URL needs the library s3fs ({error}): pip install s3fs") from error
    return S3Files(place.rstrip("/"), home / "cache")
