"""Links of a page to itself, with something of its query changed."""

from collections.abc import Mapping
from urllib.parse import urlencode


def link(query: Mapping[str, str], changes: Mapping[str, str | None]) -> str:
    """The query of a page with changes; None leaves a parameter out."""
    values = {name: value for name, value in {**query, **changes}.items() if value not in (None, "")}
    return f"?{urlencode(values, safe=',')}"
