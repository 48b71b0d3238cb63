"""Fields of registry entries (layers, optimizers, criteria), with their defaults, bounds and descriptions.

The metadata of the dataclass field holds the bounds; the API builds its schema and its error messages from them.
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
    """A dataclass field whose value, or each item of a tuple, is within the given bounds."""
    bounds = {name: bound for name, bound in (("gt", gt), ("ge", ge), ("lt", lt), ("le", le)) if bound is not None}
    return field(default=default, metadata={"doc": doc, "bounds": bounds})


def request_fields(entry: Any) -> list[Field[Any]]:
    """Fields of an entry in the order of a request: its own first, then the inherited ones, which are keyword-only."""
    return sorted(fields(entry), key=lambda item: bool(item.kw_only))
