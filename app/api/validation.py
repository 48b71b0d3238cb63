"""Pydantic's validation errors as field errors: a pointer into the body, a code, and a fix where one is sure."""

import json
from collections.abc import Sequence
from typing import Any

from app.errors import InvalidFields, MalformedFields
from app.learning.errors import InvalidChoice
from app.messages import FieldError, Fix, Message
from app.messages.catalogue import MESSAGES
from app.suggestions import closest

SHOWN = 100  # characters of a value that was sent


def invalid_fields(errors: Sequence[Any], body: Any) -> InvalidFields:
    """The refusal of a body or query that failed validation."""
    fields = _merged([_field_error(item, body) for item in errors])
    broken = any(item["type"] == "json_invalid" for item in errors)
    return MalformedFields(fields) if broken else InvalidFields(fields)


def _field_error(item: dict[str, Any], body: Any) -> FieldError:
    source, *where = item["loc"]
    pointer = _pointer(tuple(where), body, item["type"] == "missing") if source == "body" else f"{where[0]}"
    context, sent = item.get("ctx", {}), item.get("input")
    if isinstance(message := context.get("message"), Message):
        return FieldError(pointer, message)
    if isinstance(error := context.get("error"), InvalidChoice):
        return FieldError(error.pointer, error.message, error.fix).below(pointer)
    match item["type"]:
        case "union_tag_invalid":
            names = _names(context["expected_tags"])
            near = closest(str(context["tag"]), names)
            params = {"tag": str(context["tag"])[:SHOWN], "expected": context["expected_tags"], "near": near}
            field = context["discriminator"].strip("'()")
            return FieldError(pointer, Message.of("union_tag_invalid", **params), _fix(f"{pointer}/{field}", near))
        case "union_tag_not_found":
            field = context["discriminator"].strip("'()")
            return FieldError(pointer, Message.of("union_tag_not_found", field=field))
        case "literal_error" | "enum" as code:
            near = closest(str(sent)[:SHOWN], _names(context["expected"].replace(" or ", ",")))
            message = Message.of(code, expected=context["expected"], near=near)
            return FieldError(pointer, message, _fix(pointer, near))
        case "model_attributes_type":  # of the layers, which pydantic itself tells apart
            return FieldError(pointer, Message.of("layer_without_type"))
        case "float_type" | "int_type" if isinstance(sent, str):
            return FieldError(pointer, Message.of("number_as_text"), _fix(pointer, _number(sent)))
        case "json_invalid":
            return FieldError(pointer, Message.of("json_invalid", reason=context.get("error", "it cannot be parsed")))
        case "greater_than_equal" | "less_than_equal" as code:
            (bound,) = context.values()
            return FieldError(pointer, Message.of(code, **context), Fix(pointer, bound))
        case "string_too_short" as code:
            return FieldError(pointer, Message.of(code, **context, several=context["min_length"] > 1))
        case code if code in MESSAGES:
            return FieldError(pointer, Message.of(code, **context))
    return FieldError(pointer, Message.of("invalid_value", reason=str(item["msg"])))


def _pointer(where: tuple[str | int, ...], body: Any, missing: bool) -> str:
    """A JSON pointer into the body. Pydantic's path also names the branch of a union, which was not sent.

    A branch may have the name of a field next to it: the optimizer `momentum` has a field `momentum`.
    """
    pointer, node = "", body
    for place, part in enumerate(where):
        inside = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if 0 < place < len(where) - 1 and isinstance(node, dict) and part in (node.get("name"), node.get("type")):
            inside = False  # the branch, which the object names itself
        if inside:
            node = node[part]
        if inside or (missing and place == len(where) - 1):
            pointer += f"/{part}"
    return pointer


def _merged(fields: Sequence[FieldError]) -> list[FieldError]:
    """One error a pointer: a union has one for each of its branches."""
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


def _fix(pointer: str, value: Any) -> Fix | None:
    return None if value is None else Fix(pointer, value)


def _number(text: str) -> float | None:
    try:
        number = json.loads(text)
    except ValueError:
        return None
    return number if type(number) in (int, float) else None
