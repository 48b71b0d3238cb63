"""The message catalogue matches the code that raises its messages and the documents. Low-level packages name no
routes or commands."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

from app.errors import AppError
from app.messages.catalogue import MESSAGES, ROOMS
from app.messages.catalogue.validation import VALIDATION
from app.messages.rendering import fields
from app.messages.vocabulary import API, CLI

ROOT = Path(__file__).parents[2]
FILES = [
    path for part in ("app", "worker") for path in sorted((ROOT / part).rglob("*.py")) if "messages/" not in str(path)
]
TREES = {path: ast.parse(path.read_text()) for path in FILES}
CODE = re.compile(r"[a-z][a-z0-9_]*")
REFUSALS = {
    "InvalidChoice", "ImportFailed", "SplitImpossible", "NoPicture", "WrongSize", "TooManyPixels", "DownloadFailed",
    "NotFound", "Invalid", "Malformed", "MethodNotAllowed", "Conflict", "TooLarge", "UnsupportedMediaType",
    "Unauthorized", "HeadersTooLarge", "TooSlow", "TooManyRequests", "LimitReached", "NotReady", "Internal",
    "_refusal", "change", "Message.of",
}  # fmt: skip
# Routes, query syntax and command lines. Packages that raise codes do not know their readers.
READERS = re.compile(
    r"\b(GET|POST|PUT|DELETE) /|\bcurl\b|\?\w+=|\bantigrad \w|"
    r"\b(target|types|encoding|task|shape|resize|background|classes|catalogue|invert|fit)=(\s|;|,|\w+[ ;,)]|$)|"
    r"\bset \"\w+\": "
)


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call that creates a message, with its place."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in REFUSALS and node.args:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_codes_are_unique_and_stable_names() -> None:
    assert len(MESSAGES) == sum(map(len, ROOMS))
    assert [code for code in MESSAGES if not CODE.fullmatch(code)] == []


def test_each_template_uses_words_that_both_readers_have() -> None:
    words = {name for template in MESSAGES.values() for kind, name in fields(template) if kind == "@"}
    assert words == set(API) == set(CLI)


def test_each_message_is_in_the_catalogue_and_gets_its_parameters() -> None:
    wrong = []
    for place, call in calls():
        if not isinstance(call.args[0], ast.Constant):
            continue
        code = call.args[0].value
        given = {keyword.arg for keyword in call.keywords}
        if code not in MESSAGES:
            wrong.append(f"{place}: no code {code!r}")
        elif None not in given:  # `**` may contain any parameter
            needed = {name for kind, name in fields(MESSAGES[code]) if kind != "@"}
            if missing := needed - given:
                wrong.append(f"{place}: {code} lacks {', '.join(sorted(missing))}")
    assert wrong == []


def shown(template: str) -> set[str]:
    """The parameters that the sentence shows even if they are None."""
    names = set()
    for _, field, spec, _ in Formatter().parse(template):
        if field is not None and field[0] == "#":
            names |= shown(spec or "")
        elif field is not None and field[0] not in "?~@":
            names.add(field)
    return names


def may_be_none(value: ast.expr) -> bool:
    if isinstance(value, ast.IfExp):
        return may_be_none(value.body) or may_be_none(value.orelse)
    return isinstance(value, ast.Constant) and value.value is None


def test_no_sentence_shows_a_parameter_that_is_none() -> None:
    wrong = []
    for place, call in calls():
        if isinstance(call.args[0], ast.Constant) and (template := MESSAGES.get(call.args[0].value)):
            none = {keyword.arg for keyword in call.keywords if may_be_none(keyword.value)}
            wrong += [f"{place}: {call.args[0].value}: {name}" for name in none & shown(template)]
    assert wrong == []
    for code in VALIDATION:  # of pydantic's numbers only this one may be unknown
        assert "actual_length" not in shown(VALIDATION[code])


def test_each_code_is_used() -> None:
    texts = {
        node.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert sorted(MESSAGES.keys() - texts - VALIDATION.keys()) == []


def test_codes_of_pydantic_are_its_own() -> None:
    own = {"no_such_field", "misplaced_field", "no_object", "alternatives", "layer_without_type", "number_as_text",
           "invalid_value"}  # fmt: skip
    assert VALIDATION.keys() - own <= set(get_args(ErrorType))


def test_each_code_is_a_heading_in_the_documents_and_explained() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    explained = re.findall(r"^### (\w+)\n\n(\S[^\n]+)", page, re.MULTILINE)
    headings = [code for code, _ in explained]
    assert sorted(headings) == sorted(MESSAGES)


def test_each_kind_of_error_is_described() -> None:
    page = (ROOT / "docs/errors.md").read_text()
    rows = re.findall(r"^\| ([\w ]+) \| (\d+) \| (.+) \|$", page, re.MULTILINE)
    kinds = [(kind.title, str(kind.status), kind.__doc__) for kind in AppError.__subclasses__()]
    assert sorted(rows) == sorted(kinds)


@pytest.mark.parametrize("package", ["learning", "datasets", "storage", "insight"])
def test_the_rooms_below_know_no_routes_no_query_syntax_and_no_commands(package: str) -> None:
    told = []
    for path, tree in TREES.items():
        if not path.is_relative_to(ROOT / "app" / package):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and READERS.search(node.value):
                told.append(f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r}")
    assert told == []
