"""Templates of messages: `str.format` fields, clauses that may be left out, and words that depend on the reader.

    {steps:,}  {name!r}        as in `str.format`
    {names:, }  {names!r:, }   a list: its items, joined by what stands after the colon
    {#count:row is|rows are}   the words for a count of one, or for any other
    {?near:did you mean …}     the clause, if the parameter `near` is there and neither empty nor 0
    {~near:there are …}        the clause, if it is not
    {@option:target=}          a word of the reader's vocabulary, called with the text after the colon

Clauses and words may hold fields. A parameter that is a message itself, `{"code": …, "params": …}`, is rendered too.
"""

from collections.abc import Callable, Iterator, Mapping
from string import Formatter
from typing import Any

from app.messages.catalogue import MESSAGES

KINDS = "#?~@"  # first letters of the fields that are no plain ones
Vocabulary = Mapping[str, Callable[[str], str]]


def render(code: str, params: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    """The sentence of a message. Raises KeyError for an unknown code or a missing parameter."""
    return filled(MESSAGES[code], params, vocabulary)


def fields(template: str) -> Iterator[tuple[str, str]]:
    """All fields of a template, the inner ones too, as kind (`""`, `#`, `?`, `~` or `@`) and name."""
    for _, field, spec, _ in Formatter().parse(template):
        if field is not None:
            kind = field[0] if field[0] in KINDS else ""
            yield kind, field.removeprefix(kind)
            yield from fields(spec or "")


def filled(template: str, params: Mapping[str, Any], vocabulary: Vocabulary) -> str:
    """The template with its fields filled in. Raises KeyError for a missing parameter."""
    text = ""
    for literal, field, spec, conversion in Formatter().parse(template):
        text += literal
        if field is None:
            continue
        kind, name = field[0], field[1:]
        if kind == "#":
            one, several = (spec or "").split("|")
            text += filled(one if params[name] == 1 else several, params, vocabulary)
        elif kind == "@":
            text += vocabulary[name](filled(spec or "", params, vocabulary))
        elif kind in "?~":
            if bool(params.get(name)) == (kind == "?"):
                text += filled(spec or "", params, vocabulary)
        else:
            text += _value(params[field], spec or "", conversion, vocabulary)
    return text


def _value(value: Any, spec: str, conversion: str | None, vocabulary: Vocabulary) -> str:
    if isinstance(value, Mapping):
        return render(value["code"], value["params"], vocabulary)
    if isinstance(value, list | tuple):
        return spec.join(_value(item, "", conversion, vocabulary) for item in value)
    return format(repr(value) if conversion == "r" else value, spec)
