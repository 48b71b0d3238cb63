"""Names that users give to what they keep."""

import re
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


def _checked(given: str) -> str:
    """Says in words what the document says as a pattern."""
    if not re.fullmatch(PATTERN[1:-1], given):
        raise ValueError(
            "a name has up to 100 of the letters A to Z, digits, dots, dashes and underscores, no others, and begins "
            "with a letter or a digit"
        )
    return given


Name = Annotated[
    str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": PATTERN, "examples": ["letters"]})
]
