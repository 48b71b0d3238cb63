"""A published file, downloaded: what has come outlives a broken line, and nothing is taken for what it is not."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.datasets.catalogue.published import Remote
from app.datasets.errors import DownloadFailed
from app.messages import Message
from app.retry import retry

MOST = 2 * 1024**3
REDIRECTS = 5
PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses that may be others a moment later
SHOWN = 200  # letters of what a server has written
# What If-Range may name: a strong ETag, or the date of the last change.
MARK = re.compile(r'"[!#-~]{0,200}"|[A-Z][a-z]{2}, [\w :]{1,40}', re.ASCII)
PIECE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)", re.ASCII)

Progress = Callable[[int, int | None], object]


@dataclass(frozen=True)
class RetryPolicy:
    """Retries at each address: `pauses` are the seconds between two tries.

    A try is given up after `stall` seconds without a byte.
    """

    pauses: tuple[float, ...] = (1, 2, 4, 8)
    stall: float = 30.0
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True)
class Downloaded:
    """`verified`: a sum of the bytes was known before they came."""

    sha256: str
    bytes: int
    verified: bool


def download(
    remote: Remote,
    path: Path,
    *,
    by_hand: Message,
    progress: Progress = lambda *_: None,
    most: int = MOST,
    policy: RetryPolicy = RetryPolicy(),
) -> Downloaded:
    """Bring the file to `path`, where it appears whole and checked; what a former call has brought there is kept.

    What has come lies in `<path>.part`, also after a failure: the next try, or the next call, goes on from there if the
    server says that the file is still the same one.

    Args:
        by_hand: advice for a failure; for a dataset it is `Published.by_hand`.
        progress: told after each piece, thousands of times for a large file: the bytes that are here (fewer than
            before when it starts over), and how many there will be if that is known. What it raises stops the download.
        most: bytes. A larger file is refused, and so is one that is larger than it is known to be.

    Raises DownloadFailed when no address has the file, and OSError when it cannot be written.
    """
    try:
        return _checked(remote, path)
    except FileNotFoundError:
        pass
    except _Wrong:
        path.unlink()
    part = _Part(path.with_name(f"{path.name}.part"), path.with_name(f"{path.name}.part.json"))
    reasons = []
    addresses = (remote.url, *remote.mirrors)
    with httpx.Client(timeout=policy.stall, headers={"Accept-Encoding": "identity"}) as client:
        for url in addresses:
            line = _Line(client, url, remote, part, most, progress)
            try:
                line.follow(policy, alone=url == addresses[-1])
                found = _checked(remote, part.file)
            except _Refused as refused:
                reasons.append(f"{url} {refused}")
                if isinstance(refused, _Wrong):
                    part.forget()
            else:
                part.file.replace(path)
                part.forget()
                return found
    raise DownloadFailed("download_failed", file=remote.name, reasons=reasons, by_hand=by_hand)


class _Broken(Exception):
    """A try that failed; the next one may go on."""


class _Refused(Exception):
    """No further try at this address would help."""


class _Wrong(_Refused):
    """The content at this address is not the file. Its partial download is invalid, too."""


@dataclass(frozen=True)
class _Part:
    """A partial download, with a note of the version it belongs to: the address and the server's validator."""

    file: Path
    note: Path

    def held(self, url: str) -> tuple[int, str]:
        """Number of bytes to resume from, and their validator."""
        with suppress(OSError, ValueError, TypeError):
            noted, mark = json.loads(self.note.read_text())
            if noted == url and mark:
                return self.file.stat().st_size, mark
        return 0, ""

    def begin(self, url: str, mark: str) -> None:
        """Restart the download. The bytes are removed before the note is written, so that bytes never carry the
        validator of another version."""
        self.file.write_bytes(b"")
        self.note.write_text(json.dumps([url, mark]))

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Line:
    """To one of the addresses of a file."""

    client: httpx.Client
    url: str
    remote: Remote
    part: _Part
    most: int
    progress: Progress

    def follow(self, policy: RetryPolicy, alone: bool) -> None:
        """Try until all has come. Raises _Refused.

        Where no connection can be made, and it is not `alone`, the next address is a better hope than the next try.
        """

        def attempt() -> None:
            try:
                self.once()
            except httpx.TransportError as error:
                unreachable = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                kind = _Refused if unreachable and not alone else _Broken
                raise kind(_cause(error, policy.stall)) from error

        try:
            retry(attempt, lambda error: isinstance(error, _Broken), policy.pauses, sleep=policy.sleep)
        except _Broken as broken:
            raise _Refused(f"{broken} (the last of {len(policy.pauses) + 1} tries)") from broken

    def once(self) -> None:
        """One request: all that is still missing, or as much of it as comes."""
        have, mark = self.part.held(self.url)
        onwards = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
        with self.answer(onwards) as response:
            if have and response.status_code in (206, 416):
                total = self.rest(response, have, mark)
            elif response.status_code == 200:
                have, total = 0, self.promised(_number(response.headers.get("Content-Length", "")))
                self.part.begin(self.url, _mark(response))
            else:
                status = f"answers {response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip()
                raise _Broken(status) if response.status_code in PASSING else _Refused(status)
            expected = total or self.remote.bytes
            self.progress(have, expected)
            with self.part.file.open("ab") as file:
                for piece in response.iter_raw():
                    have += file.write(piece)
                    self.refuse_over(have)
                    self.progress(have, expected)
        if have < (expected or 0):
            raise _Broken(f"broke off after {have:,} of {expected:,} bytes")

    @contextmanager
    def answer(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The response, behind redirects if need be. Their own bodies are not read: one might have no end."""
        request = self.client.build_request("GET", self.url, headers=headers)
        for _ in range(REDIRECTS + 1):
            if request.url.scheme not in ("http", "https"):
                raise _Refused(f"leads to {str(request.url)[:SHOWN]}; only http and https are followed")
            try:
                response = self.client.send(request, stream=True)
            except (httpx.InvalidURL, ValueError) as error:  # a redirect to what is no name, or a header that is none
                raise _Refused(f"cannot be asked: {str(error)[:SHOWN]}") from error
            with closing(response):
                if response.next_request is None:
                    yield response
                    return
                request = response.next_request
        raise _Refused(f"leads from one address to the next, over {REDIRECTS} times")

    def rest(self, response: httpx.Response, have: int, mark: str) -> int | None:
        """The size of the file of which this is the rest. Raises _Broken, to start over, when it is anything else."""
        piece = PIECE.fullmatch(response.headers.get("Content-Range", ""))
        if not piece or int(piece[1]) != have or _mark(response) not in ("", mark):
            self.part.forget()
            raise _Broken("sends another piece than the one that was asked for")
        return self.promised(_number(piece[2]))

    def promised(self, total: int | None) -> int | None:
        """The size that the server says, if it is the file's. Raises _Wrong."""
        known = self.remote.bytes
        if None not in (total, known) and total != known:
            raise _Wrong(f"has {total:,} bytes where the file has {known:,}: something else lies there")
        self.refuse_over(total or 0)
        return total

    def refuse_over(self, size: int) -> None:
        """Raises _Wrong. Servers may promise less than they send."""
        limit = min(self.most, self.remote.bytes or self.most)
        if size > limit:
            raise _Wrong(f"has over {limit:,} bytes, more than are taken of this file")


def _checked(remote: Remote, file: Path) -> Downloaded:
    """Raises _Wrong, with both sums, where the bytes are not those that are known, and FileNotFoundError."""
    size, sha256 = file.stat().st_size, _sum(file, "sha256")
    md5 = None if remote.md5 is None else _sum(file, "md5")
    for name, found, known in (
        ("size", size, remote.bytes),
        ("SHA-256", sha256, remote.sha256),
        ("MD5", md5, remote.md5),
    ):
        if known is not None and found != known:
            raise _Wrong(f"sends a file whose {name} is {found}, not {known}: it is damaged, or another one")
    return Downloaded(sha256, size, verified=(remote.sha256 or remote.md5) is not None)


def _sum(file: Path, kind: str) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _number(digits: str) -> int | None:
    return int(digits) if digits.isdecimal() and len(digits) < 20 else None


def _mark(response: httpx.Response) -> str:
    """The server's validator of this version (ETag or Last-Modified); empty if it sends none."""
    marks = (response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))
    return next((mark for mark in marks if MARK.fullmatch(mark)), "")


def _cause(error: httpx.TransportError, stall: float) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"takes no connection within {stall:g} s"
        case httpx.TimeoutException():
            return f"sent nothing for {stall:g} s"
        case httpx.ConnectError():
            return f"cannot be reached: {str(error)[:SHOWN]}"
        case _:
            return f"broke off: {str(error)[:SHOWN]}"
