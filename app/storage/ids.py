"""Ids: short, sortable by their time of creation, URL-safe."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """`run` → `run_01k…`, a ULID in lower case behind the prefix."""
    return f"{prefix}_{str(ULID()).lower()}"
