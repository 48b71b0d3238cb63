"""Formulas of the registries in MathML."""

import re
from collections import Counter
from xml.etree import ElementTree

import pytest

from app.insight.surfaces.functions import SURFACES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.web.mathml import mathml

FORMULAS = [
    formula
    for registry in (OPTIMIZERS, LECTURE_FORMS, SURFACES)
    for entry in registry.values()
    for formula in entry.formula.split(";")
]


def written(formula: str) -> str:
    """MathML without the elements that only keep others together."""
    return re.sub(r"</?(mrow|mi|mo|mn|math|div)( [^>]*)?>", "", mathml(formula))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("η·g/(√G + ε)", "η·<mfrac>g<msqrt>G</msqrt>+ε</mfrac>"),
        ("η/√(G + ε)·g", "<mfrac>η<msqrt>G+ε</msqrt></mfrac>·g"),
        ("1 − β₁ᵗ", "1−<msup><msub>β1</msub>t</msup>"),
        ("(y − x²)²", "<msup>(y−<msup>x2</msup>)2</msup>"),
        ("m̂", '<mover accent="true">m^</mover>'),
        ("log p_c", '<mspace width="0.2em"/>log<mspace width="0.2em"/><msub>pc</msub>'),
        ("a < b", "a&lt;b"),
    ],
)
def test_a_formula_has_its_fractions_roots_and_indices(formula: str, expected: str) -> None:
    assert written(formula) == expected


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_formula_is_read_whole(formula: str) -> None:
    """Every letter and number is in the answer, which is well-formed."""
    text = "".join(ElementTree.fromstring(mathml(formula)).itertext())
    wanted = Counter(re.findall(r"[a-zA-Zα-ωΑ-Ω0-9]", formula))
    assert Counter(re.findall(r"[a-zA-Zα-ωΑ-Ω0-9]", text)) >= wanted


def test_parts_are_lines_of_their_own() -> None:
    assert mathml("v ← μv;  θ ← θ − v").count("<math") == 2
