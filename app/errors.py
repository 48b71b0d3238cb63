"""Every error that a client can meet.

Each class carries its HTTP answer (`status`, `title`); its docstring is its meaning in the OpenAPI document and in
docs/errors.md. `app.main` turns an instance into an RFC 9457 problem in one place.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldError:
    """One wrong field: a JSON pointer to it, and what would be right."""

    pointer: str
    detail: str


class AppError(Exception):
    """Something that the client can be told."""

    status = 500
    title = "Internal error"

    def __init__(self, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors or []


class NotFound(AppError):
    """Nothing stands at this address: a run, dataset, model or file that does not exist."""

    status, title = 404, "Not found"


class Invalid(AppError):
    """The request is well-formed but asks for something that cannot be; `errors` names each field."""

    status, title = 422, "Invalid request"


class Malformed(AppError):
    """The body cannot be read as what it claims to be."""

    status, title = 400, "Malformed request"


class MethodNotAllowed(AppError):
    """The address is there, but not for this method; `Allow` lists those that it has."""

    status, title = 405, "Method not allowed"


class Conflict(AppError):
    """The state of the thing forbids this now."""

    status, title = 409, "Conflict"


class TooLarge(AppError):
    """The body is over the limit."""

    status, title = 413, "Body too large"


class UnsupportedMediaType(AppError):
    """The Content-Type is not one that this address reads."""

    status, title = 415, "Unsupported media type"


class Unauthorized(AppError):
    """The API key is missing or wrong."""

    status, title = 401, "API key needed"


class NotReady(AppError):
    """The service cannot answer this now; try again."""

    status, title = 503, "Not ready"


class Internal(AppError):
    """The service has a fault; its log says which. Sending the same again will hardly help."""

    status, title = 500, "Internal error"
