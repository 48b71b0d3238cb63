"""Messages and fixes in answers."""

from typing import Any, Self

from pydantic import BaseModel, Field

from app.messages import Fix, Message


class MessageAnswer(BaseModel):
    """A message as data. Its code is a heading in docs/errors.md; a field next to it has the sentence."""

    code: str = Field(examples=["set_field"], description="stable code; docs/errors.md has a section for each")
    params: dict[str, Any] = Field(
        examples=[{"path": "optimizer.lr", "json": "0.1"}], description="the values that the sentence mentions"
    )

    @classmethod
    def of(cls, message: Message) -> Self:
        return cls(code=message.code, params=dict(message.params))


class FixAnswer(BaseModel):
    """A change that would be accepted."""

    field: str = Field(description="JSON pointer to the field to set", examples=["/optimizer/lr"])
    value: Any = Field(description="the value to give it", examples=[0.1])

    @classmethod
    def of(cls, fix: Fix | None) -> Self | None:
        return None if fix is None else cls(field=fix.field, value=fix.value)
