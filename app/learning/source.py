"""PyTorch source code of registry entries, for a run's script."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Source:
    """Expressions, one line each, and the functions and classes of this project that they use."""

    code: tuple[str, ...]
    names: tuple[Callable[..., Any], ...] = ()


class Code(str):
    """An argument that is already code."""


def call(function: str, *arguments: Any, **named: Any) -> str:
    """Code of a call."""
    given = [literal(value) for value in arguments] + [f"{name}={literal(value)}" for name, value in named.items()]
    return f"{function}({', '.join(given)})"


def literal(value: Any) -> str:
    """Code of a value, with usual quotes and exponents: "sum", 1e-8."""
    match value:
        case Code():
            return str(value)
        case str():
            return json.dumps(value)
        case tuple():
            return f"({', '.join(literal(item) for item in value)})"
    return re.sub(r"e([+-])0(\d)$", r"e\1\2", repr(value)).replace("e+", "e")
