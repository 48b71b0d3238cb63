"""Pictures are well-formed XML, whatever the names in them."""

from xml.etree import ElementTree
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from app.plots.curves import STEPS, draw, draw_together
from app.plots.network import diagram
from app.plots.texts import drawable, make_drawable
from app.storage.series import Series

ANY = st.text(st.characters(exclude_categories=()))  # with control characters and lone surrogates
HOSTILE = "a\x1b[2J\x00\x0b\x7f\x9b\ud800\udfff\ufffe\uffff\u202e<&'\">-->]]>"
SERIES = Series(np.arange(3), np.array([1.0, np.nan, 0.5]))

quietly = pytest.mark.filterwarnings("error")  # a warning of each glyph that a font lacks would fill the log


@given(ANY)
@example(HOSTILE)
@settings(max_examples=500)
def test_no_character_that_xml_forbids_remains(name: str) -> None:
    shown = ElementTree.fromstring(f"<text>{escape(drawable(name))}</text>").text or ""
    assert len(shown) == len(name)
    assert drawable(shown) == shown


@pytest.mark.parametrize("name", ["Straße", "文字", "naïve\u0301", "👩\u200d🔬", "a b\u00a0c", "two\nlines", "$x$"])
def test_what_can_be_drawn_stays(name: str) -> None:
    assert drawable(name) == name


@quietly
@given(ANY)
@example(HOSTILE)
@settings(max_examples=20)
def test_a_curve_is_well_formed(name: str) -> None:
    ElementTree.fromstring(draw({"train.loss": SERIES}, name, "svg"))


@quietly
@given(ANY)
@example(HOSTILE)
@settings(max_examples=10)
def test_curves_of_several_runs_are_well_formed(name: str) -> None:
    ElementTree.fromstring(draw_together({name: (SERIES, STEPS)}, "train.loss", "svg"))


def test_a_letter_without_a_font_is_a_sign_and_the_others_stay() -> None:
    text = Figure().text(0, 0, "Жук\n文\U0001f9ff")
    make_drawable(text)
    assert text.get_text() in ("Жук\n文\U0001f9ff", "Жук\n文\ufffd", "Жук\n\ufffd\U0001f9ff", "Жук\n\ufffd\ufffd")
    assert text.get_fontfamily()[0] == "DejaVu Sans"


@given(ANY)
@example(HOSTILE)
def test_a_diagram_is_well_formed(name: str) -> None:
    ElementTree.fromstring(diagram((), (3, 8, 8), name))
