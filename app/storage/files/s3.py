"""Files in an object store: written to a local file first and then put, which is atomic; copied here to be mapped.

Its client runs an event loop in a thread of its own, so nothing of this is made before a fork.
"""

import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from aiohttp import ClientError
from botocore.exceptions import ConnectionError as NoConnection
from botocore.exceptions import HTTPClientError
from s3fs import S3FileSystem

from app.storage.files.base import AWAY, Files
from app.storage.files.local import LocalFiles

CACHE_BYTES = 10 * 2**30


class S3Files(Files):
    """The objects below `root`, which is `bucket/prefix`; copies of those that were opened lie in the folder `cache`.

    Credentials, endpoint and options are those of the environment (AWS_*, FSSPEC_S3_*) and of ~/.aws.
    """

    def __init__(self, root: str, cache: Path) -> None:
        self.root = root
        self.cache = LocalFiles(cache)
        self.fetching = [threading.Lock() for _ in range(64)]  # a file has one of them: it is fetched once
        # A listing that is remembered would hide what other machines write. Of 50 MB parts, two are held in memory.
        self.store = S3FileSystem(skip_instance_cache=True, use_listings_cache=False, max_concurrency=2)
        self.store.retries = 1  # botocore itself tries again, as often as AWS_MAX_ATTEMPTS says
        self.store.config_kwargs = {"retries": {"mode": "standard"}} | self.store.config_kwargs

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        self.cache.root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.cache.root, prefix=".", suffix=".part") as file:
            yield file
            file.flush()
            with errors_of_the_store(name):
                self.store.put_file(file.name, self._path(name))

    def read(self, name: str) -> bytes:
        with errors_of_the_store(name):
            found: bytes = self.store.cat_file(self._path(name))
        return found

    def local(self, name: str) -> Path:
        path = self.cache.local(name)
        if not _touch(path):
            with self.fetching[hash(name) % len(self.fetching)]:
                if not _touch(path):  # nobody has fetched it meanwhile
                    with self.cache.create(name) as file, errors_of_the_store(name):
                        self.store.get_file(self._path(name), file.name)
                    self._make_room(path)
        return path

    def exists(self, name: str) -> bool:
        with errors_of_the_store(name):
            return bool(self.store.exists(self._path(name)))

    def delete(self, name: str) -> None:
        self.cache.delete(name)
        with errors_of_the_store(name):
            self.store.rm_file(self._path(name))

    def delete_folder(self, name: str) -> None:
        self.cache.delete_folder(name)
        with errors_of_the_store(name):
            for path in self.store.find(self._path(name)):
                self.store.rm_file(path)  # one by one: s3fs does not tell which of many it was refused

    def sweep(self) -> None:
        self.cache.sweep()

    def temporary(self) -> IO[bytes]:
        return self.cache.temporary()

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _make_room(self, newest: Path) -> None:
        """Delete copies until those that are left fit; one that is mapped into memory stays there all the same."""
        copies = []
        for path in self.cache.root.rglob("*"):  # with what a killed process has left half-written
            with suppress(FileNotFoundError):
                about = path.stat()
                if path.is_file() and path != newest:
                    copies.append((about.st_mtime_ns, about.st_size, path))
        room = CACHE_BYTES - newest.stat().st_size - sum(size for _, size, _ in copies)
        for _, size, path in sorted(copies):
            if room >= 0:
                return
            path.unlink(missing_ok=True)
            room += size


def _touch(path: Path) -> bool:
    """Say that the copy is used, by which the least recently used ones are known; answers whether there is one."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def errors_of_the_store(name: str) -> Iterator[None]:
    """Whatever the store's libraries raise, as an OSError that says in its `strerror` what is wrong."""
    try:
        yield
    except Exception as error:
        raise _as_os_error(error, name) from error


def _as_os_error(error: Exception, name: str) -> OSError:
    answer = getattr(error.__cause__, "response", {})  # what S3 has said, where it has said anything
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    bucket_is_missing = answer.get("Error", {}).get("Code") == "NoSuchBucket"
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
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
