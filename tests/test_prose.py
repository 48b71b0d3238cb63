"""Docstrings begin with a noun phrase or an imperative, in the field's terms."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
OPENINGS = re.compile(
    r"(What|How|Of|The same|The way back|Those|Whoever|Which|Who|Whether|So|It|They|That|By which|As|Where|When)\b"
)
WORDS = re.compile(
    r"\b(anew|beside|shall|mends?|nobody|somebody|is had|goes by|comes to|hears?|is told|of before|in the stead)\b"
)


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """The docstrings of a module, with the lines where they start."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


def modules() -> list[Path]:
    return sorted(path for package in ("app", "worker") for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_are_plain(path: Path) -> None:
    hard = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for line, text in docstrings(path)
        if OPENINGS.match(text) or WORDS.search(text)
    ]
    assert not hard, "\n".join(hard)


@pytest.mark.parametrize(
    "hard", ["What a worker does.", "The same, sorted.", "The way back.", "Of those, the first.", "Begin anew."]
)
def test_a_docstring_that_has_to_be_read_twice_is_found(hard: str) -> None:
    assert OPENINGS.match(hard) or WORDS.search(hard)
