"""A web server with prepared answers: correct ones, and ones that fail, stall, break off and lie."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import numpy as np

from app.datasets.catalogue.download import Downloaded

DATA, OTHER = (np.random.default_rng(seed).bytes(200_000) for seed in (0, 1))
SHA256, MD5 = hashlib.sha256(DATA).hexdigest(), hashlib.md5(DATA).hexdigest()
Fetch = Callable[..., Downloaded]
Server = TypeVar("Server", bound=HTTPServer)


@dataclass(frozen=True)
class Answer:
    """The answer to one request: `data`, or the range that the client requests with the right If-Range.

    careless: accept any If-Range
    cut: close the connection after this many bytes
    silent: keep the connection open instead, without further bytes
    endless: repeat `data` without end
    length: a false Content-Length, or 0 for none
    """

    data: bytes = b""
    status: int = 200
    etag: str = '"one"'
    ranges: bool = True
    careless: bool = False
    cut: int | None = None
    silent: bool = False
    endless: bool = False
    length: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


HONEST = Answer(DATA)


@dataclass
class Site:
    """A site that gives one answer after the other, and repeats the last one; `asked` has the headers of the
    requests."""

    address: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def in_thread(server: Server) -> Iterator[Server]:
    """Let a server answer in a thread, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    with server:
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serving() -> Iterator[Site]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append({name: value for name, value in self.headers.items()})
            with suppress(ConnectionError):  # the client has closed the connection
                self.give(site.next())

        def give(self, answer: Answer) -> None:
            start, status, headers = 0, answer.status, dict(answer.headers)
            if answer.status == 200 and answer.etag:
                headers.setdefault("ETag", answer.etag)
            marks = (headers.get("ETag"), headers.get("Last-Modified"))
            same = answer.careless or self.headers["If-Range"] in marks
            if answer.ranges and same and "Range" in self.headers:
                start, status = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-")), 206
                headers.setdefault("Content-Range", f"bytes {start}-{len(answer.data) - 1}/{len(answer.data)}")
            body = answer.data[start:]
            length = len(body) if answer.length is None else answer.length
            if length and not answer.endless:
                headers.setdefault("Content-Length", str(length))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body if answer.cut is None else body[: answer.cut])
            if answer.silent:
                over.wait(10)
            while answer.endless and not over.is_set():
                self.wfile.write(answer.data)
                time.sleep(0.001)

        def log_message(self, *_: object) -> None: ...

    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as server:
        site = Site(f"http://127.0.0.1:{server.server_port}")
        try:
            yield site
        finally:
            over.set()


def left(path: Path) -> list[str]:
    """Names of the files in the folder of a path."""
    return sorted(file.name for file in path.parent.iterdir())
