"""Ids: short, URL-safe, sortable by their time of creation."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """`run` → `run_01k…`: the prefix and a ULID in lower case."""
    return f"{prefix}_{str(ULID()).lower()}"
