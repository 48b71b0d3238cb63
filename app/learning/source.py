"""PyTorch source code of entries, as written by hand: the parts of a run's script."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Source:
    """Expressions, each on one line, and the functions and classes of ours that they name: torch has none like them."""

    code: tuple[str, ...]
    names: tuple[Callable[..., Any], ...] = ()


class Code(str):
    """An argument that is code already."""


def call(function: str, *arguments: Any, **named: Any) -> str:
    """The call as code."""
    given = [literal(value) for value in arguments] + [f"{name}={literal(value)}" for name, value in named.items()]
    return f"{function}({', '.join(given)})"


def literal(value: Any) -> str:
    """The value as code, with the quotes and exponents that people write: "sum", 1e-8."""
    match value:
        case Code():
            return str(value)
        case str():
            return json.dumps(value)
        case tuple():
            return f"({', '.join(literal(item) for item in value)})"
    return re.sub(r"e([+-])0(\d)$", r"e\1\2", repr(value)).replace("e+", "e")
