"""Base class of all request models: strict, with suggestions for misspelt fields."""

import re
from collections.abc import Iterator
from functools import cache, partial
from itertools import islice
from typing import Annotated, Any, Self, TypeVar, get_args
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, PydanticKnownError, core_schema

from app.learning.errors import InvalidChoice
from app.messages import Message
from app.suggestions import closest

Model = TypeVar("Model", bound=BaseModel)


UNKNOWN_EXPLAINED = 20  # unknown fields of one object; explaining thousands would keep all other requests waiting
COLLECTIONS = {"list": "List", "tuple": "Tuple", "dict": "Dictionary"}  # core schemas, as errors name them
NO_SCHEMAS = ("default", "metadata", "serialization")  # of a core schema's parts
MANY_ITEMS = 1000
FURTHER_FIELDS = "further_fields"  # type of the error that counts the others


class FieldsInvalid(Exception):
    """Fields of a request that failed validation: pydantic's errors, and the body that was sent."""

    def __init__(self, errors: list[Any], body: Any) -> None:
        super().__init__(errors)
        self.errors, self.body = errors, body


def _length_first(schema: Any, depth: int = 0) -> Any:
    """The core schema, with a check of each length before that of the items, of which pydantic would collect an error
    each. A list that may have very many items is judged up to its first wrong one."""
    if isinstance(schema, list):
        return [_length_first(item, depth) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kind, most = schema.get("type"), schema.get("max_length")
    if kind == "model" and depth:
        return schema  # it has been done
    inner = {
        name: value if name in NO_SCHEMAS else _length_first(value, depth + (kind == "model"))
        for name, value in schema.items()
    }
    if not isinstance(kind, str) or kind not in COLLECTIONS or most is None:
        return inner
    if kind != "dict" and most > MANY_ITEMS:
        inner["fail_fast"] = True
    return core_schema.no_info_before_validator_function(partial(_no_longer, COLLECTIONS[kind], most), inner)


def _no_longer(kind: str, most: int, sent: Any) -> Any:
    if isinstance(sent, list | tuple | dict) and len(sent) > most:
        context = {"field_type": kind, "max_length": most, "actual_length": len(sent)}
        raise PydanticKnownError("too_long", context)
    return sent


class RequestModel(BaseModel):
    """A strict model: refuses unknown fields, converts no types, and does not accept NaN or ∞ as numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the lengths of lists and objects before their items."""
        schema: CoreSchema = _length_first(handler(source))
        return schema

    @model_validator(mode="wrap")
    @classmethod
    def _says_its_fields(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Name the available fields where pydantic only reports an extra field or a missing object."""
        sent, further = _without_further(cls, sent)
        if isinstance(sent, dict):
            sent = sent | {name: _whole(sent[name]) for name in _integers(cls) & sent.keys()}
        try:
            return handler(sent)
        except ValidationError as error:
            explained = [_explained(cls, item) for item in error.errors(include_url=False)]
            if further:
                counted = PydanticCustomError(FURTHER_FIELDS, "refused", {"count": further})
                explained.append(InitErrorDetails(type=counted, loc=(), input=None))
            raise ValidationError.from_exception_data(error.title, explained) from None


@cache
def _integers(model: type[BaseModel]) -> frozenset[str]:
    """Fields that may hold integers."""
    return frozenset(name for name, field in model.model_fields.items() if _allows_integer(field.annotation))


def _allows_integer(annotation: Any) -> bool:
    return annotation is int or any(map(_allows_integer, get_args(annotation)))


def _whole(value: Any) -> Any:
    """The value, with whole floats as integers: in JSON Schema 1.0 is an integer."""
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


# Marks and embeddings that change the direction of text: with them, one name can look like another.
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = ("Cc", "Zl", "Zp")  # Unicode's categories of control characters, and of line and paragraph separators


def _without_controls(text: str) -> str:
    for place, letter in enumerate(text):
        if letter in DIRECTIONS or category(letter) in CONTROLS:
            raise InvalidChoice("text_with_control", character=f"U+{ord(letter):04X}", place=place + 1)
    return text


# The same characters, as a JSON Schema can say it.
_escaped = "".join(f"\\u{ord(letter):04x}" for letter in DIRECTIONS)
PRINTABLE = rf"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029{_escaped}]*$"
TEXT_SCHEMA = {"type": "string", "maxLength": 200, "pattern": PRINTABLE}
Text = Annotated[str, Field(max_length=200), AfterValidator(_without_controls), WithJsonSchema(TEXT_SCHEMA)]


def validated(model: type[Model], given: Any, *where: str, body: Any = None) -> Model:
    """Validate a value sent in the "query" or at a place in the "body"; `body` is the whole body if the value is a part
    of it. Raises FieldsInvalid."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise FieldsInvalid(
            [item | {"loc": (*where, *item["loc"])} for item in error.errors()], given if body is None else body
        ) from error


def _explained(model: type[BaseModel], item: Any) -> InitErrorDetails:
    """Replace an error of the model itself by a helpful message. Errors of nested models are already explained."""
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden" and len(item["loc"]) == 1:
        # Not called yet: the search for similar names takes long, and only the errors that are shown need it.
        kind, context = "no_such_field", {"message": partial(_no_such_field, model, item["loc"][0])}
    elif kind in ("model_type", "model_attributes_type") and not item["loc"]:
        kind, context = "no_object", {"message": partial(Message.of, "no_object", fields=list(model.model_fields))}
    elif "message" not in context and kind != FURTHER_FIELDS:
        return InitErrorDetails(type=kind, loc=item["loc"], input=item["input"], ctx=context)
    explained = PydanticCustomError(kind, "refused", context)
    return InitErrorDetails(type=explained, loc=item["loc"], input=item["input"])


def _without_further(model: type[BaseModel], sent: Any) -> tuple[Any, int]:
    """The object without most of its unknown fields if it has very many, and the number of those left out."""
    known = model.model_fields
    if not isinstance(sent, dict) or len(sent) <= len(known) + UNKNOWN_EXPLAINED:
        return sent, 0
    explained = set(islice((name for name in sent if name not in known), UNKNOWN_EXPLAINED))
    kept = {name: value for name, value in sent.items() if name in known or name in explained}
    return kept, len(sent) - len(kept)


def _no_such_field(model: type[BaseModel], given: str) -> Message:
    """Advice on a misspelt or misplaced field: the most similar name, its place, or all names."""
    own = model.model_fields
    inner = [(field, model) for field, of in own.items() for model in _models(of.annotation)]
    within = {name: field for field, model in inner for name in model.model_fields}
    if given in within:
        return Message.of("misplaced_field", field=given, under=within[given])
    near = closest(given, own) or closest(given, within)
    under = None if near is None or near in own else within[near]
    return Message.of("no_such_field", near=near, under=under, fields=list(own))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Models that a field may contain."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def pattern(pattern: str, code: str, **schema: Any) -> Any:
    """A string type validated by a regular expression; `code` is the code of its error."""

    def checked(given: str) -> str:
        if not re.fullmatch(pattern, given):
            raise InvalidChoice(code)
        return given

    return Annotated[
        str, AfterValidator(checked), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"} | schema)
    ]


Name: Any = pattern(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "name_malformed",
    description="letters, digits, `.`, `_` and `-`; the first is a letter or a digit",
    examples=["letters"],
)
