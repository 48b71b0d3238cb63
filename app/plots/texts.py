"""Texts in pictures."""

from unicodedata import category

KEPT = "\n\u200c\u200d"  # line breaks, and the joiners of some scripts and of emoji


def drawable(text: str) -> str:
    """The text with a sign in place of every character that is none or that shows nothing, such as ESC or a mark for
    the direction of text. They include all that XML 1.0 forbids."""
    return "".join("\ufffd" if category(letter).startswith("C") and letter not in KEPT else letter for letter in text)
