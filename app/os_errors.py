"""The text of an operating-system error."""


def reason_of(error: Exception) -> str:
    """The reason without the error's number; Python leaves `strerror` empty in errors without one."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
