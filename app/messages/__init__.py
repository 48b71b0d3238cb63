"""Messages to people, as data: what is refused, and what else has to be said, by code and parameters.

The lowest layer: standard library only, quick to import, since the command line renders the same messages.
"""

from app.messages.message import FieldError, Fix, Message, Refusal

__all__ = ["FieldError", "Fix", "Message", "Refusal"]
