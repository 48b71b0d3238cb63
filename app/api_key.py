"""The rules for API keys, and keys in files."""

from pathlib import Path

from app.os_errors import reason_of

MIN_LENGTH = 16
EXAMPLE = "openssl rand -hex 16"


def is_sendable(key: str) -> bool:
    """True if a header can carry the key: visible ASCII only."""
    return all("!" <= character <= "~" for character in key)


def checked(key: str) -> str:
    """The key. Raises ValueError, without repeating it, if a header cannot carry it or it is easy to guess."""
    if not is_sendable(key):
        raise ValueError("it is sent in a header: use ASCII letters, digits and punctuation, without spaces")
    if len(key) < MIN_LENGTH:
        raise ValueError(f"it has {len(key)} characters; give at least {MIN_LENGTH}, made with: {EXAMPLE}")
    return key


def read(file: Path) -> str:
    """The key in a file, as Docker secrets are; a line break at the end does not count. Raises ValueError."""
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise ValueError(f"{file} cannot be read: {reason_of(error)}; name a file that contains the key") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text; name a file that contains the key, made with: {EXAMPLE}") from None
    try:
        return checked(text.removesuffix("\n").removesuffix("\r"))
    except ValueError as error:
        raise ValueError(f"the key in {file} cannot be used: {error}") from None
