"""Every text of the pages is in the catalogues, and every language has all of them."""

import re
import string
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.web import page
from app.web.page import SECTIONS, templates
from app.web.texts import CATALOGUES, LANGUAGES, PLURALS, preferred

FOLDER = Path(page.__file__).parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
SCRIPTS = sorted((FOLDER / "static/js").rglob("*.js"))
CODE = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
SPOKEN = ("aria-label", "alt", "placeholder", "title")
LETTERS = re.compile(r"[^\W\d_]{2,}")


def values(text: str) -> set[str]:
    """The names of the values in a text."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_language_has_the_same_keys_with_the_same_values() -> None:
    english = CATALOGUES["en"].entries
    for language in LANGUAGES:
        entries = CATALOGUES[language].entries
        assert set(entries) == set(english)
        for key, entry in entries.items():
            forms = [entry] if isinstance(entry, str) else list(entry.values())
            of_english = english[key]
            wanted = values(of_english if isinstance(of_english, str) else of_english["other"])
            assert all(values(form) | {"n"} == wanted | {"n"} for form in forms), (language, key)


def test_a_text_that_counts_has_every_plural_form() -> None:
    for language, choose in PLURALS.items():
        needed = {choose(n) for n in range(200)}
        for key, entry in CATALOGUES[language].entries.items():
            assert isinstance(entry, str) or set(entry) == needed, (language, key)


@pytest.mark.parametrize(
    ("n", "form"), [(1, "запуск"), (3, "запуска"), (5, "запусков"), (11, "запусков"), (21, "запуск")]
)
def test_russian_counts(n: int, form: str) -> None:
    assert CATALOGUES["ru"]("scripts.runs.picked", n=n) == f"{n} {form}"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [("ru-RU,ru;q=0.9,en;q=0.8", "ru"), ("de,en;q=0.5,ru;q=0.7", "ru"), ("de", "en"), ("", "en"), ("ru;q=x,*", "en")],
)
def test_the_browser_chooses_the_language(accepted: str, language: str) -> None:
    assert preferred(accepted) == language


class BareTexts(HTMLParser):
    """Words of a template that stand in no catalogue."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += LETTERS.findall(data)

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SPOKEN:
                self.found += LETTERS.findall(value or "")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_words_of_their_own(path: Path) -> None:
    parser = BareTexts()
    parser.feed(CODE.sub("", path.read_text()))
    assert set(parser.found) <= {"Antigrad"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_keys_of_templates_are_in_the_catalogue(path: Path) -> None:
    named = re.findall(r"""\bt\((["'])([\w.]+)\1(?!\s*~)""", path.read_text())
    assert [key for _, key in named if key not in CATALOGUES["en"].entries] == []


def test_keys_of_scripts_are_in_the_catalogue() -> None:
    there = CATALOGUES["en"].of_scripts()
    named = {key for path in SCRIPTS for key in re.findall(r"""\bt\("([\w.]+)\"""", path.read_text())}
    assert named and named <= set(there)


def test_sections_have_names() -> None:
    assert {f"nav.{name}" for name, _ in SECTIONS} <= set(CATALOGUES["en"].entries)


def test_no_template_or_script_needs_an_unsafe_policy() -> None:
    unsafe = re.compile(
        r"""\son\w+=|hx-on|\bjs:|\sstyle=|<style|javascript:|hx-trigger="[^"]*\[|\beval\(|new Function"""
    )
    for path in (*TEMPLATES, *SCRIPTS):
        assert not unsafe.search(path.read_text()), path.name
    assert templates.autoescape is True


def test_a_page_loads_htmx_if_it_needs_it() -> None:
    for path in TEMPLATES:
        text = path.read_text()
        assert path.name == "parts.html" or (" hx-" in text) == ("parts.htmx()" in text), path.name
