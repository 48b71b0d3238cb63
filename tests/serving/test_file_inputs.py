"""Files of inputs are told apart by their beginning."""

import pytest

from app.serving.file_inputs import BEGINNING, is_text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", False),
        (b"a,b\n1,2\n", True),
        ("é".encode(), True),
        ("é".encode()[:1], False),  # half a character
        (b"a" + "é".encode() * BEGINNING, True),  # the beginning ends within a character
        (b"a\0b", False),
        (b"\x89PNG\r\n", False),
        (b"a," * BEGINNING + b"\0", True),  # a table that is damaged later
    ],
)
def test_text_is_recognised_by_its_beginning(body: bytes, expected: bool) -> None:
    assert is_text(body) is expected
