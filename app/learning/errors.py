"""Refusals of the learning core."""

from typing import Any

from app.messages import Fix, Refusal


class InvalidChoice(Refusal, ValueError):
    """An invalid value. `pointer` leads to it from the entry, the layers or the recipe under check."""

    pointer: str

    def __init__(self, code: str, pointer: str = "", fix: Fix | None = None, /, **params: Any) -> None:
        super().__init__(code, pointer, fix, **params)
