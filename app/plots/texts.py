"""Texts in pictures."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from unicodedata import category

if TYPE_CHECKING:  # matplotlib takes half a second to load
    from matplotlib.text import Text

KEPT = "\n\u200c\u200d"  # line breaks, and the joiners of some scripts and of emoji
UNKNOWN = "\ufffd"
FONT = "DejaVu Sans"  # comes with matplotlib
# Used where they are installed, for letters that the font above lacks. A short list: each is opened for its letters.
FALLBACKS = (
    "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "WenQuanYi Micro Hei", "Noto Sans Arabic",
    "Noto Sans Hebrew", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai", "Noto Emoji", "Arial Unicode MS",
    "Symbola", "Unifont",
)  # fmt: skip


def drawable(text: str) -> str:
    """The text with a sign in place of every character that is none or that shows nothing, such as ESC or a mark for
    the direction of text. They include all that XML 1.0 forbids."""
    return "".join(UNKNOWN if category(letter).startswith("C") and letter not in KEPT else letter for letter in text)


def make_drawable(text: "Text") -> None:
    """Let a text of a figure show each letter in the first font that has it, or a sign where none has."""
    letters = drawable(text.get_text())
    if not letters.isascii():
        fonts = _installed()
        known = frozenset().union(*fonts.values()) | {ord("\n")}
        letters = "".join(letter if ord(letter) in known else UNKNOWN for letter in letters)
        text.set_fontfamily(_needed(letters, fonts))
    text.set_text(letters)


def _needed(letters: str, fonts: dict[str, frozenset[int]]) -> Sequence[str]:
    """The usual font, and those of the others that have a letter that all before them lack."""
    missing, needed = {ord(letter) for letter in letters}, []
    for family, known in fonts.items():
        if family == FONT or missing & known:
            needed.append(family)
            missing -= known
    return needed


@lru_cache(1)
def _installed() -> dict[str, frozenset[int]]:
    """Letters of the usual font and of the installed fallbacks, by family."""
    from matplotlib.font_manager import findfont, fontManager, get_font

    there = {entry.name for entry in fontManager.ttflist}

    def letters(family: str) -> frozenset[int]:
        font: Any = get_font(findfont(family))
        return frozenset(font.get_charmap())

    return {family: letters(family) for family in (FONT, *FALLBACKS) if family in there}
