"""Descriptions of the fields of a registry entry."""

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from app.api.schemas.registry import FieldAnswer
from app.learning.fields import request_fields
from app.learning.layers import Layer

JSON_TYPES = {float: "number", int: "integer", bool: "boolean", NoneType: "null", Layer: "layer"}


def summary_of(entry: Any) -> str:
    """The first paragraph of the entry's docstring."""
    return " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())


def fields_of(entry: Any) -> Iterator[FieldAnswer]:
    """The fields of an entry. A field that may be an object includes that object's fields."""
    hints = get_type_hints(entry)
    for field in request_fields(entry):
        annotation = hints[field.name]
        parts = (annotation, *get_args(annotation))
        required = field.default is MISSING
        yield FieldAnswer(
            name=field.name,
            type=type_of(annotation),
            required=required,
            default=None if required else field.default,
            bounds=field.metadata.get("bounds", {}),
            choices=[word for part in parts if get_origin(part) is Literal for word in get_args(part)],
            fields=[inner for part in parts if is_dataclass(part) for inner in fields_of(part)],
            doc=field.metadata.get("doc", ""),
        )


def type_of(annotation: Any) -> str:
    """A type in JSON terms: "integer or null", "[number, number]", "[layer, …]"."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "string"
    if get_origin(annotation) is tuple:
        return f"[{', '.join('…' if part is ... else type_of(part) for part in parts)}]"
    if parts:
        return " or ".join(type_of(part) for part in parts)
    return "object" if is_dataclass(annotation) else JSON_TYPES[annotation]
