"""The errors that a client can receive.

Each class has an HTTP `status` and `title`; its docstring is the description in the OpenAPI document. The message is a
code of `app.messages`. `app.api.problems` turns an instance into an RFC 9457 problem.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from app.messages import FieldError, Fix, Refusal


class AppError(Refusal):
    """A refusal with an HTTP status and title."""

    status = 500
    title = "Internal error"
    further = 0  # wrong fields that `errors` leaves out
    retry_after: int | None = None  # seconds after which the same request may succeed
    headers: ClassVar[Mapping[str, str]] = {}  # of the answer


class NotFound(AppError):
    """This address does not exist: no such run, dataset, model or file."""

    status, title = 404, "Not found"


class Invalid(AppError):
    """The request is well-formed but cannot be carried out; `errors` names each wrong field."""

    status, title = 422, "Invalid request"

    @property
    def errors(self) -> list[FieldError]:
        """The wrong field; the request as a whole, with the pointer "", if no single one is wrong."""
        return [FieldError(self.pointer or "", self.message, self.fix)]


class Malformed(AppError):
    """The body cannot be parsed as its declared type."""

    status, title = 400, "Malformed request"


class MethodNotAllowed(AppError):
    """The address does not support this method; `Allow` lists its methods."""

    status, title = 405, "Method not allowed"


class Conflict(AppError):
    """The current state of the resource does not allow this."""

    status, title = 409, "Conflict"


class Stale(AppError):
    """The resource has changed since the answer whose ETag is in If-Match."""

    status, title = 412, "Changed meanwhile"


class TooLarge(AppError):
    """The body exceeds the size limit."""

    status, title = 413, "Body too large"


class UnsupportedMediaType(AppError):
    """This address does not accept this Content-Type."""

    status, title = 415, "Unsupported media type"


class EncodingRefused(UnsupportedMediaType):
    """The body is compressed."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


class HeadersTooLarge(AppError):
    """The request line and the headers exceed the size limit."""

    status, title = 431, "Headers too large"


class TooSlow(AppError):
    """The request's headers or body arrive too slowly."""

    status, title = 408, "Request too slow"


class TooManyRequests(AppError):
    """One address has too many requests in progress, or a key has reached one of its limits."""

    status, title, retry_after = 429, "Too many requests", 2


class LimitReached(TooManyRequests):
    """A key has reached the limit that the code names."""

    def __init__(
        self, code: str, retry_after: int, /, pointer: str | None = None, fix: Fix | None = None, **params: Any
    ) -> None:
        """`retry_after` seconds the same request may be within the limit."""
        super().__init__(code, pointer, fix, **params)
        self.retry_after = retry_after


class Unauthorized(AppError):
    """The API key is missing or wrong."""

    status, title = 401, "API key needed"


class Forbidden(AppError):
    """The key lacks the scope, the resource belongs to another owner, or a web page of another origin sent this."""

    status, title = 403, "Forbidden"


class Misdirected(AppError):
    """The request is for another host name than the service's."""

    status, title = 421, "Misdirected request"


class NotReady(AppError):
    """The service cannot answer now; try again."""

    status, title, retry_after = 503, "Not ready", 2


class Overloaded(NotReady):
    """More requests wait than can be answered soon."""

    def __init__(self, seconds: float) -> None:
        """`seconds` until the requests that wait now are answered."""
        super().__init__("predictions_wait", seconds=math.ceil(seconds))
        self.retry_after = math.ceil(seconds)


class DeadlineExceeded(AppError):
    """The request's own deadline, `X-Timeout-Ms`, has passed; nothing was computed after it."""

    status, title = 504, "Deadline exceeded"


class Internal(AppError):
    """A bug in the service; its log has the details. The same request will probably fail again."""

    status, title = 500, "Internal error"


class InvalidFields(Invalid):
    """The request has wrong fields. If one field is wrong, the code is that field's; otherwise `invalid_fields`."""

    def __init__(self, fields: Sequence[FieldError], further: int = 0) -> None:
        """`further` is the number of wrong fields that `fields` leaves out."""
        if len(fields) == 1:
            (only,) = fields
            super().__init__(only.message.code, only.pointer, only.fix, **only.message.params)
        else:
            super().__init__("invalid_fields", pointers=[field.pointer for field in fields])
        self.fields, self.further = list(fields), further

    @property
    def errors(self) -> list[FieldError]:
        return self.fields

    @property
    def detail(self) -> str:
        return "; ".join(f"{field.pointer or 'the body'}: {field.detail}" for field in self.fields[:5])


class MalformedFields(InvalidFields):
    """The body is not JSON."""

    status, title = Malformed.status, Malformed.title


def below(pointer: str, refusal: Refusal) -> Invalid:
    """The refusal of a request because its part at `pointer` was refused."""
    if isinstance(refusal, InvalidFields):
        return InvalidFields([field.below(pointer) for field in refusal.fields], refusal.further)
    moved = refusal.below(pointer)
    return Invalid.because(moved, moved.pointer)


def not_utf8(error: UnicodeDecodeError) -> Malformed:
    """The refusal of a body that is not UTF-8, with the first byte that is wrong and its place, counted from 1."""
    before = error.object[: error.start]
    line = before[before.rfind(b"\n") + 1 :].decode(error.encoding, "replace")
    return Malformed(
        "body_not_utf8",
        "",
        byte=f"0x{error.object[error.start]:02X}",
        place=error.start + 1,
        line=before.count(b"\n") + 1,
        after=line[-20:],
    )
