"""Text that has to be of a form: refused in words, while the OpenAPI document has the pattern."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema


def pattern(pattern: str, words: str, **schema: Any) -> Any:
    """Text that the whole pattern fits; `words` say what would be right."""

    def checked(given: str) -> str:
        if not re.fullmatch(pattern, given):
            raise ValueError(words)
        return given

    return Annotated[
        str, AfterValidator(checked), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$"} | schema)
    ]


Name: Any = pattern(
    r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}",
    "a name has up to 100 of the letters A to Z, digits, dots, dashes and underscores, no others, and begins with a "
    "letter or a digit",
    examples=["letters"],
)
