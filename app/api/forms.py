"""Recognition of forms (multipart/form-data) with headers set by hand, which clients such as curl write themselves."""

from fastapi import Request

from app.errors import Invalid, Malformed

FORM = "multipart/form-data"
PART = b"content-disposition: form-data"


def media_type(request: Request) -> str:
    """The Content-Type without its parameters, in lower case; empty if it is missing."""
    return request.headers.get("Content-Type", "").split(";")[0].strip().lower()


def check_boundary(request: Request) -> None:
    """Raise Malformed if a form's Content-Type lacks the boundary between its parts."""
    if "boundary=" not in request.headers.get("Content-Type", "").lower():
        raise Malformed("form_without_boundary")


def refuse_disguised_form(beginning: bytes, kind: str) -> None:
    """Raise Invalid if a body of another type begins like a form."""
    if beginning.startswith(b"--") and PART in beginning[:4096].lower():
        raise Invalid("form_under_another_type", type=kind or "missing")
