"""Files in an object store: written to a local file and then uploaded, which is atomic; copied to a cache to be mapped.

The client runs an event loop in a thread of its own, so create it after a fork.
"""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from aiohttp import ClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError
from s3fs import S3FileSystem

from app.os_errors import reason_of
from app.storage.files.base import AWAY, Files, OutsideOfStore, inside
from app.storage.files.local import LocalFiles
from app.storage.files.tree import files_below

CACHE_BYTES = 10 * 2**30


class S3Files(Files):
    """Objects below `root`, which is `bucket/prefix`; the folder `cache` has copies of those that were opened.

    Credentials, endpoint and options come from the environment (AWS_*, FSSPEC_S3_*) and ~/.aws.
    """

    def __init__(self, root: str, cache: Path) -> None:
        self.root = root
        self.cache = LocalFiles(cache)
        self.fetching = [threading.Lock() for _ in range(64)]  # by the hash of a name: each file is fetched once
        # A cached listing would hide what other machines write. Two parts of 50 MB each are held in memory.
        self.store = S3FileSystem(skip_instance_cache=True, use_listings_cache=False, max_concurrency=2)
        self.store.retries = 1  # botocore retries, up to AWS_MAX_ATTEMPTS times
        self.store.config_kwargs = {"retries": {"mode": "standard"}} | self.store.config_kwargs

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        with self.cache.unfinished(self.cache.root / "upload") as file:
            yield file
            file.flush()
            with errors_of_the_store(name):
                self.store.put_file(file.name, self._path(name))

    def read(self, name: str) -> bytes:
        with errors_of_the_store(name):
            content: bytes = self.store.cat_file(self._path(name))
        return content

    def local(self, name: str) -> Path:
        path = self.cache.local(name)
        if not _touch(path):
            with self.fetching[hash(name) % len(self.fetching)]:
                if not _touch(path):  # no other thread has fetched it meanwhile
                    with self.cache.create(name) as file, errors_of_the_store(name):
                        self.store.get_file(self._path(name), file.name)
                    self._make_room(path)
        return path

    def exists(self, name: str) -> bool:
        with errors_of_the_store(name):
            return bool(self.store.exists(self._path(name)))

    def size(self, name: str) -> int:
        with errors_of_the_store(name):
            return sum(about["size"] for about in self.store.find(self._path(name), detail=True).values())

    def delete(self, name: str) -> None:
        self.cache.delete(name)
        with errors_of_the_store(name):
            self.store.rm_file(self._path(name))

    def delete_folder(self, name: str) -> None:
        self.cache.delete_folder(name)
        with errors_of_the_store(name):
            for path in self.store.find(self._path(name)):
                self.store.rm_file(path)  # one by one: of several, s3fs does not report which was refused

    def sweep(self) -> None:
        self.cache.sweep()

    def temporary(self) -> IO[bytes]:
        return self.cache.temporary()

    def _path(self, name: str) -> str:
        return f"{self.root}/{inside(name)}"

    def _make_room(self, newest: Path) -> None:
        """Delete the least recently used copies until the rest fits. One that is mapped into memory stays readable."""
        copies = []
        for path in files_below(self.cache.root):  # includes what a killed process has left half-written
            with suppress(FileNotFoundError):
                about = path.stat()
                if path != newest:
                    copies.append((about.st_mtime_ns, about.st_size, path))
        room = CACHE_BYTES - newest.stat().st_size - sum(size for _, size, _ in copies)
        for _, size, path in sorted(copies):
            if room >= 0:
                return
            path.unlink(missing_ok=True)
            room += size


def _touch(path: Path) -> bool:
    """Mark the copy as recently used; returns False if there is none."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def errors_of_the_store(name: str) -> Iterator[None]:
    """Translate every exception of the store's libraries to an OSError with a readable `strerror`."""
    try:
        yield
    except OutsideOfStore:
        raise
    except Exception as error:
        raise _as_os_error(error, name) from error


def _as_os_error(error: Exception, name: str) -> OSError:
    answer = getattr(error.__cause__, "response", {})  # the response of S3, if there was one
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    bucket_is_missing = answer.get("Error", {}).get("Code") == "NoSuchBucket"
    reason = reason_of(error)
    match error:
        case FileNotFoundError() if not bucket_is_missing:
            return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        case NoConnection() | HTTPClientError() | ClientError() | ConnectionError() | TimeoutError():
            return OSError(AWAY, f"the object store does not answer: {reason}", name)
        case OSError() if status >= 500:
            return OSError(AWAY, f"the object store cannot do it now: {reason}", name)
        case PermissionError():
            return PermissionError(errno.EACCES, f"the object store refuses it: {reason}", name)
        case OSError() if not answer:  # this machine's disk
            return OSError(error.errno or errno.EIO, reason, name)
        case _:
            return OSError(errno.EIO, f"the object store cannot be used: {reason}", name)
