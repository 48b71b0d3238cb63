"""Download of a published file. It resumes after a broken connection, and every file is checked."""

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
PASSING = {408, 425, 429, 500, 502, 503, 504}  # temporary statuses, worth a retry
SHOWN = 200  # characters of a server's text that a message quotes
# Validators that If-Range accepts: a strong ETag, or a Last-Modified date.
MARK = re.compile(r'"[!#-~]{0,200}"|[A-Z][a-z]{2}, [\w :]{1,40}', re.ASCII)
PIECE = re.compile(r"bytes (\d{1,19})-\d{1,19}/(\d{1,19}|\*)", re.ASCII)

Progress = Callable[[int, int | None], object]


@dataclass(frozen=True)
class RetryPolicy:
    """Retries at each address. `pauses` are the seconds between two tries.

    A try is abandoned after `stall` seconds without a byte.
    """

    pauses: tuple[float, ...] = (1, 2, 4, 8)
    stall: float = 30.0
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True)
class Downloaded:
    """A downloaded file. `verified` is True if its checksum was known in advance."""

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
    """Download the file to `path`, where it appears only complete and checked. A valid earlier file is kept.

    Partial content stays in `<path>.part`, also after a failure. The next try, or the next call, resumes from there if
    the server confirms that the file has not changed.

    Args:
        by_hand: advice for a failure; for a dataset it is `Published.by_hand`.
        progress: called after each piece, thousands of times for a large file, with the bytes received so far (fewer
            than before after a restart) and the total if it is known. An exception from it stops the download.
        most: limit in bytes. A larger file is refused, and so is one larger than its known size.

    Raises DownloadFailed if no address delivers the file, and OSError if it cannot be written.
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
            source = _Source(client, url, remote, part, most, progress)
            try:
                source.follow(policy, alone=url == addresses[-1])
                downloaded = _checked(remote, part.file)
            except _Refused as refused:
                reasons.append(f"{url} {refused}")
                if isinstance(refused, _Wrong):
                    part.forget()
            else:
                part.file.replace(path)
                part.forget()
                return downloaded
    raise DownloadFailed("download_failed", file=remote.name, reasons=reasons, by_hand=by_hand)


class _Broken(Exception):
    """A failed try; another may succeed."""


class _Refused(Exception):
    """A failure that no retry at this address can fix."""


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
class _Source:
    """One of a file's addresses, to download from."""

    client: httpx.Client
    url: str
    remote: Remote
    part: _Part
    most: int
    progress: Progress

    def follow(self, policy: RetryPolicy, alone: bool) -> None:
        """Retry until the download is complete. Raises _Refused.

        A failed connection is retried only at the last address (`alone`): elsewhere the next one is more promising.
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
        """Send one request for the missing bytes, and append those that arrive."""
        have, mark = self.part.held(self.url)
        headers = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
        with self.answer(headers) as response:
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
            raise _Broken(f"stopped after {have:,} of {expected:,} bytes")

    @contextmanager
    def answer(self, headers: dict[str, str]) -> Iterator[httpx.Response]:
        """The response, after any redirects. The bodies of redirects are not read: one might be endless."""
        request = self.client.build_request("GET", self.url, headers=headers)
        for _ in range(REDIRECTS + 1):
            if request.url.scheme not in ("http", "https"):
                raise _Refused(f"redirects to {str(request.url)[:SHOWN]}; only http and https are followed")
            try:
                response = self.client.send(request, stream=True)
            except (httpx.InvalidURL, ValueError) as error:  # a redirect to an invalid address, or an invalid header
                raise _Refused(f"cannot be requested: {str(error)[:SHOWN]}") from error
            with closing(response):
                if response.next_request is None:
                    yield response
                    return
                request = response.next_request
        raise _Refused(f"redirects over {REDIRECTS} times")

    def rest(self, response: httpx.Response, have: int, mark: str) -> int | None:
        """Size of the whole file, of which the response is the rest. Raises _Broken, to start over, if it is not."""
        piece = PIECE.fullmatch(response.headers.get("Content-Range", ""))
        if not piece or int(piece[1]) != have or _mark(response) not in ("", mark):
            self.part.forget()
            raise _Broken("sends another range of bytes than requested")
        return self.promised(_number(piece[2]))

    def promised(self, total: int | None) -> int | None:
        """The size that the server declares. Raises _Wrong if it is not the file's known size, or too large."""
        known = self.remote.bytes
        if None not in (total, known) and total != known:
            raise _Wrong(f"has {total:,} bytes, but the file has {known:,}: it is another file")
        self.refuse_over(total or 0)
        return total

    def refuse_over(self, size: int) -> None:
        """Raise _Wrong if there are too many bytes. Servers may send more than they declare."""
        limit = min(self.most, self.remote.bytes or self.most)
        if size > limit:
            raise _Wrong(f"has over {limit:,} bytes, the limit for this file")


def _checked(remote: Remote, file: Path) -> Downloaded:
    """Check a file's size and checksums against the known ones.

    Raises _Wrong, with both values, if they differ, and FileNotFoundError if there is no file.
    """
    size, sha256 = file.stat().st_size, _sum(file, "sha256")
    md5 = None if remote.md5 is None else _sum(file, "md5")
    for name, actual, known in (
        ("size", size, remote.bytes),
        ("SHA-256", sha256, remote.sha256),
        ("MD5", md5, remote.md5),
    ):
        if known is not None and actual != known:
            raise _Wrong(f"sends a file whose {name} is {actual}, not {known}: it is damaged, or another file")
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
            return f"accepted no connection within {stall:g} s"
        case httpx.TimeoutException():
            return f"sent nothing for {stall:g} s"
        case httpx.ConnectError():
            return f"cannot be reached: {str(error)[:SHOWN]}"
        case _:
            return f"broke the connection: {str(error)[:SHOWN]}"
