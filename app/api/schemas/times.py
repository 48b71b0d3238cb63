"""Times in responses."""

from datetime import UTC, datetime
from typing import overload


@overload
def rfc3339(seconds: float) -> str: ...


@overload
def rfc3339(seconds: None) -> None: ...


@overload
def rfc3339(seconds: float | None) -> str | None: ...


def rfc3339(seconds: float | None) -> str | None:
    """Format seconds since 1970 as an RFC 3339 time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
