"""Pydantic's validation errors as field errors: a pointer into the body, a code, and a fix if one is certain."""

import json
from collections.abc import Sequence
from typing import Any

from app.errors import InvalidFields, MalformedFields
from app.learning.errors import InvalidChoice
from app.messages import FieldError, Fix, Message
from app.messages.catalogue import MESSAGES
from app.runs.request_model import FURTHER_FIELDS
from app.suggestions import closest

SHOWN = 100  # characters that an error repeats of a sent value or name
EXPLAINED = 60  # errors that are explained: a union reports one for each of its branches


def invalid_fields(errors: Sequence[Any], body: Any) -> InvalidFields:
    """The refusal of a body or query that failed validation."""
    counted = sum(item["ctx"]["count"] for item in errors if item["type"] == FURTHER_FIELDS)
    named = [item for item in errors if item["type"] != FURTHER_FIELDS]
    fields = _merged([_field_error(item, body) for item in named[:EXPLAINED]])
    broken = any(item["type"] == "json_invalid" for item in errors)
    kind = MalformedFields if broken else InvalidFields
    return kind(fields, further=counted + len(named[EXPLAINED:]))


def _field_error(item: dict[str, Any], body: Any) -> FieldError:
    source, *where = item["loc"]
    pointer = _pointer(tuple(where), body, item["type"] == "missing") if source == "body" else f"{where[0]}"[:SHOWN]
    context = item.get("ctx", {})
    message = context.get("message")
    if message is not None:
        return FieldError(pointer, message() if callable(message) else message)
    if isinstance(error := context.get("error"), InvalidChoice):
        return FieldError(error.pointer, error.message, error.fix).below(pointer)
    message, fix = _translated(item["type"], context, item.get("input"))
    if message.code not in MESSAGES:
        message = Message.of("invalid_value", reason=str(item["msg"]))
    return FieldError("", message, fix).below(pointer)


def _translated(code: str, context: dict[str, Any], sent: Any) -> tuple[Message, Fix | None]:
    """The message of a pydantic error, and the fix of its field."""
    params, fix = context, None
    match code:
        case "union_tag_invalid":
            tag, expected, field = str(context["tag"]), context["expected_tags"], context["discriminator"].strip("'()")
            near = closest(tag, _names(expected))
            params, fix = {"tag": tag[:SHOWN], "expected": expected, "near": near}, near and Fix(f"/{field}", near)
        case "union_tag_not_found":
            params = {"field": context["discriminator"].strip("'()")}
        case "literal_error" | "enum":
            near = closest(str(sent)[:SHOWN], _names(context["expected"].replace(" or ", ",")))
            params, fix = {"expected": context["expected"], "near": near}, near and Fix("", near)
        case "model_attributes_type":  # from the list of layers, a union that pydantic resolves by itself
            code = "layer_without_type"
        case "float_type" | "int_type" if isinstance(sent, str):
            code, number = "number_as_text", _number(sent)
            fix = None if number is None else Fix("", number)
        case "greater_than_equal":
            fix = Fix("", context["ge"])
        case "less_than_equal":
            fix = Fix("", context["le"])
        case "string_too_short":
            params = context | {"several": context["min_length"] > 1}
        case "json_invalid":
            params = {"reason": context.get("error", "it cannot be parsed")}
    return Message.of(code, **params), fix or None


def _pointer(where: tuple[str | int, ...], body: Any, missing: bool) -> str:
    """A JSON pointer into the body. Pydantic's path also contains the branch of a union, which the client did not send.

    A branch may share its name with a field: the optimizer `momentum` has a field `momentum`.
    """
    pointer, node = "", body
    for place, part in enumerate(where):
        inside = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if 0 < place < len(where) - 1 and isinstance(node, dict) and part in (node.get("name"), node.get("type")):
            inside = False  # the branch: the object has it as its `name` or `type`
        if inside:
            node = node[part]
        if inside or (missing and place == len(where) - 1):
            pointer += f"/{str(part)[:SHOWN]}"
    return pointer


def _merged(fields: Sequence[FieldError]) -> list[FieldError]:
    """One error per pointer: pydantic reports one for each branch of a union."""
    by_pointer: dict[str, list[FieldError]] = {}
    for field in fields:
        by_pointer.setdefault(field.pointer, []).append(field)
    return [
        same[0] if len(same) == 1
        else FieldError(pointer, Message.of("alternatives", messages=[field.message for field in same]))
        for pointer, same in by_pointer.items()
    ]  # fmt: skip


def _names(listed: str) -> list[str]:
    """The names in pydantic's list of quoted choices."""
    return [name.strip("' ") for name in listed.split(",")]


def _number(text: str) -> float | None:
    try:
        number = json.loads(text)
    except ValueError:
        return None
    return number if type(number) in (int, float) else None
