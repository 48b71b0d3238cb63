"""What all that is sent has in common."""

from typing import Annotated, Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Unknown fields are refused, types are not guessed, and NaN and ∞ are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds the character NUL, which no text may; leave it out")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]


def validated(model: type[Model], given: Any, *where: str, body: Any = None) -> Model:
    """The model of what was sent: in the "query", or at a place in the "body". Raises RequestValidationError."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [item | {"loc": (*where, *item["loc"])} for item in error.errors()]
        raise RequestValidationError(found, body=body) from error
