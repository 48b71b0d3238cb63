"""Validation of API keys."""


def is_sendable(key: str) -> bool:
    """True if a header can carry the key: visible ASCII only."""
    return all("!" <= character <= "~" for character in key)
