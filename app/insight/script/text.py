"""Formatting of Python code as ruff does it at its default width."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable
from typing import Any

WIDTH = 88
COMMENT_OF_A_LINTER = re.compile(r"  # (?:type: ignore|noqa)\b[^#\n]*?(?=  #|$)", re.MULTILINE)
LONG_SIGNATURE = re.compile(r"^( *)(def \w+\()(.*)(\) -> .*:)$")


def broken(code: str, indent: int = 0, before: str = "", after: str = "") -> list[str]:
    """Lines of an expression: one if it fits between the texts `before` and `after`. Else a call's arguments, or a
    comprehension's element, get lines of their own."""
    pad = " " * indent
    line = f"{pad}{before}{code}{after}"
    if len(line) <= WIDTH:
        return [line]
    if code.startswith("*["):
        listed = ast.parse(code[1:], mode="eval").body
        assert isinstance(listed, ast.ListComp)
        element = _text(code[1:], listed.elt)
        loop = code[2 + len(element) : -1].strip()
        return [f"{pad}{before}*[", *broken(element, indent + 4), f"{pad}    {loop}", f"{pad}]{after}"]
    node = ast.parse(code, mode="eval").body
    if not isinstance(node, ast.Call):
        return [line]
    first, last = f"{pad}{before}{_text(code, node.func)}(", f"{pad}){after}"
    arguments = [("", _text(code, value)) for value in node.args]
    arguments += [(f"{keyword.arg}=", _text(code, keyword.value)) for keyword in node.keywords]
    together = f"{pad}    {', '.join(name + value for name, value in arguments)}"
    if len(together) <= WIDTH:
        return [first, together, last]
    return [first, *(row for name, value in arguments for row in broken(value, indent + 4, name, ",")), last]


def _text(code: str, node: ast.expr) -> str:
    segment = ast.get_source_segment(code, node)
    assert segment is not None
    return segment


def indented(lines: Iterable[str], by: int = 4) -> list[str]:
    """Indent lines; empty ones stay empty."""
    return [f"{' ' * by}{line}" if line else "" for line in lines]


def remark(text: str) -> list[str]:
    """Lines of a comment."""
    return textwrap.wrap(text, WIDTH - 8, initial_indent="# ", subsequent_indent="#   ")


def written_out(names: Iterable[Callable[..., Any]]) -> list[str]:
    """Source code of functions and classes, once each, without linters' comments."""
    lines: list[str] = []
    for name in dict.fromkeys(names):
        source = COMMENT_OF_A_LINTER.sub("", textwrap.dedent(inspect.getsource(name)))
        for line in source.splitlines():
            signature = LONG_SIGNATURE.match(line) if len(line) > WIDTH else None
            if signature is None:
                lines.append(line)
            else:
                pad, start, arguments, end = signature.groups()
                lines += [pad + start, f"{pad}    {arguments}", pad + end]
        lines += ["", ""]
    return lines
