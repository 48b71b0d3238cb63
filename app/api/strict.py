"""What every body that is sent has in common."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Strict(BaseModel):
    """Unknown fields are refused, types are not guessed, and NaN and ∞ are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds the character NUL, which no text may; leave it out")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
