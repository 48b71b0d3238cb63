"""Times in responses, and durations in requests."""

from datetime import UTC, datetime
from typing import Any, overload

from app.runs.request_model import pattern

AN_INSTANT = "2026-11-02T09:30:00Z"  # an example for the OpenAPI document
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
Duration: Any = pattern(r"[1-9][0-9]{0,4}[smhdw]", "duration_malformed", examples=["30d"])


def seconds_of(duration: str) -> int:
    """The seconds of a duration such as 30d."""
    return int(duration[:-1]) * UNITS[duration[-1]]


@overload
def rfc3339(seconds: float) -> str: ...


@overload
def rfc3339(seconds: None) -> None: ...


@overload
def rfc3339(seconds: float | None) -> str | None: ...


def rfc3339(seconds: float | None) -> str | None:
    """Format seconds since 1970 as an RFC 3339 time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
