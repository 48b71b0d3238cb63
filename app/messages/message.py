"""Messages as data: a stable code and its parameters, of which a sentence is rendered for each reader."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from app.messages.rendering import Vocabulary, render
from app.messages.vocabulary import API


@dataclass(frozen=True)
class Message:
    """A code of the catalogue and the parameters of its template, as JSON has them."""

    code: str
    params: Mapping[str, Any]

    @classmethod
    def of(cls, code: str, /, **params: Any) -> Self:
        """A message whose parameters may be tuples, numpy's numbers, NaN or other messages."""
        return cls(code, {name: _as_json(value) for name, value in params.items()})

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        return cls(stored["code"], stored["params"])

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "params": dict(self.params)}

    def text(self, vocabulary: Vocabulary = API) -> str:
        return render(self.code, self.params, vocabulary)


@dataclass(frozen=True)
class Fix:
    """A change that would be accepted: a JSON pointer to a field, and the value to put there."""

    field: str
    value: Any

    def to_json(self) -> dict[str, Any]:
        return {"field": self.field, "value": self.value}


@dataclass(frozen=True)
class FieldError:
    """A wrong field: a JSON pointer to it, what is wrong, and what would be right."""

    pointer: str
    message: Message
    fix: Fix | None = None

    @property
    def detail(self) -> str:
        return self.message.text()

    def below(self, pointer: str) -> Self:
        """The error of a field within the one at `pointer`."""
        fix = None if self.fix is None else replace(self.fix, field=f"{pointer}{self.fix.field}")
        return replace(self, pointer=f"{pointer}{self.pointer}", fix=fix)


class Refusal(Exception):
    """Something that cannot be done as it was asked for.

    code, params: the message. pointer: JSON pointer to the wrong field, None where no single field is wrong. fix: a
    change that would be accepted.
    """

    def __init__(self, code: str, pointer: str | None = None, fix: Fix | None = None, /, **params: Any) -> None:
        self.message = Message.of(code, **params)
        self.pointer, self.fix = pointer, fix
        super().__init__(code)

    @classmethod
    def because(cls, refusal: "Refusal", pointer: str | None = None) -> Self:
        """A refusal of this kind with the message of another one."""
        return cls(refusal.message.code, pointer, refusal.fix, **refusal.message.params)

    def below(self, pointer: str) -> Self:
        """The refusal of a field within the one at `pointer`."""
        field = FieldError(self.pointer or "", self.message, self.fix).below(pointer)
        return type(self)(self.message.code, field.pointer, field.fix, **self.message.params)

    @property
    def detail(self) -> str:
        """The sentence, for those who send HTTP requests."""
        return self.message.text()

    @property
    def errors(self) -> list[FieldError]:
        """The wrong fields."""
        return [] if self.pointer is None else [FieldError(self.pointer, self.message, self.fix)]

    def __str__(self) -> str:
        return self.detail


def _as_json(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, Mapping):
        return {name: _as_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, bool | str | int | None):
        return value
    number = float(value) if not hasattr(value, "item") else value.item()  # numpy's and torch's have it
    return str(number) if isinstance(number, float) and not math.isfinite(number) else number
