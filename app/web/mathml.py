"""Formulas as the registries write them, such as θ ← θ − η·g/(√G + ε), in MathML.

A fraction takes the factors next to its slash, a root the next factor; parentheses around either are left out. Letters
stand for themselves, three or more of the alphabet for a word.
"""

import re
from dataclasses import dataclass
from unicodedata import normalize

from markupsafe import Markup, escape

HAT = "\N{COMBINING CIRCUMFLEX ACCENT}"
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵗᵏⁿˣᵀ", "0123456789−+tknxT")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋₊ₜₖᵢⱼ", "0123456789−+tkij")
CLOSED_BY = {"(": ")", "⌊": "⌋", "[": "]"}
TOKEN = re.compile(
    r"(?P<sup>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ᵗᵏⁿˣᵀ]+)|(?P<sub>[₀₁₂₃₄₅₆₇₈₉₋₊ₜₖᵢⱼ]+|_[^\W_])|(?P<number>[\d.]*\d(?:e[-−]?\d+)?|[½¼])"
    rf"|(?P<word>[a-zA-Z]{{3,}}|\b(?:as|ln)\b)|(?P<letter>[^\W\d_]{HAT}?)|(?P<sign>\S)"
)


@dataclass(frozen=True)
class Factor:
    """MathML of a factor; `bare` is without the parentheses around it."""

    full: str
    bare: str

    @classmethod
    def of(cls, content: str) -> "Factor":
        return cls(content, content)


def mathml(formula: str) -> Markup:
    """A line for each part of a formula between semicolons."""
    lines = (_Reader(line).row() for line in normalize("NFD", formula).split(";"))
    return Markup("".join(f'<div class="math"><math displaystyle="true">{line}</math></div>' for line in lines))


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = [(str(found.lastgroup), found.group()) for found in TOKEN.finditer(text)]

    def row(self, end: str | None = None) -> str:
        """Factors up to `end`, which is taken too, or up to the last one."""
        factors: list[Factor] = []
        while self._tokens:
            if self._takes(end):
                break
            if factors and self._takes("/"):
                factors[-1] = Factor.of(f"<mfrac>{_row(factors[-1].bare)}{_row(self._factor().bare)}</mfrac>")
            else:
                factors.append(self._factor())
        return "".join(factor.full for factor in factors)

    def _factor(self) -> Factor:
        """The next factor with its indices and exponents."""
        factor = self._simple()
        while self._tokens and self._tokens[0][0] in ("sub", "sup"):
            kind, text = self._tokens.pop(0)
            index = _row("".join(_simple(each) for each in text.strip("_").translate(RAISED | LOWERED)))
            factor = Factor.of(f"<m{kind}>{_row(factor.full)}{index}</m{kind}>")
        return factor

    def _simple(self) -> Factor:
        if not self._tokens:
            return Factor.of("<mrow></mrow>")
        kind, text = self._tokens.pop(0)
        if text in CLOSED_BY:
            inner = self.row(CLOSED_BY[text])
            return Factor(f"<mrow><mo>{text}</mo>{inner}<mo>{CLOSED_BY[text]}</mo></mrow>", inner)
        if text == "√":
            return Factor.of(f"<msqrt>{self._factor().bare}</msqrt>")
        if text == "∂":
            return Factor.of(f"<mrow><mo>∂</mo>{self._factor().full}</mrow>")
        if kind == "word":
            return Factor.of(f'<mspace width="0.2em"/><mi>{text}</mi><mspace width="0.2em"/>')
        return Factor.of(_simple(text))

    def _takes(self, sign: str | None) -> bool:
        """Take the next token if it is this sign."""
        taken = self._tokens[0][1] == sign
        if taken:
            self._tokens.pop(0)
        return taken


def _row(content: str) -> str:
    return f"<mrow>{content}</mrow>"


def _simple(text: str) -> str:
    """A number, a letter, perhaps with a hat, or a sign."""
    if text[0].isdigit() or text in "½¼":
        return f"<mn>{text}</mn>"
    if text.endswith(HAT) and len(text) > 1:
        return f'<mover accent="true"><mi>{text[0]}</mi><mo>^</mo></mover>'
    return f"<mi>{text}</mi>" if text.isalpha() else f"<mo>{escape(text)}</mo>"
