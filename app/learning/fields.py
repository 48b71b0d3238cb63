"""A field of an entry (layer, optimizer, criterion): its default and its bounds, stated once.

The bounds stand in the dataclass field's metadata; the API builds its schema and its refusals from them.
"""

from dataclasses import MISSING, Field, field, fields
from typing import Any


def bounded(
    default: Any = MISSING,
    *,
    doc: str,
    gt: float | None = None,
    ge: float | None = None,
    lt: float | None = None,
    le: float | None = None,
) -> Any:
    """A dataclass field whose value lies within the given bounds (for a tuple, each of its items does)."""
    bounds = {name: bound for name, bound in (("gt", gt), ("ge", ge), ("lt", lt), ("le", le)) if bound is not None}
    return field(default=default, metadata={"doc": doc, "bounds": bounds})


def request_fields(entry: Any) -> list[Field[Any]]:
    """The fields of an entry in the order of a request: its own before those of its kind, which are keyword-only."""
    return sorted(fields(entry), key=lambda item: bool(item.kw_only))
