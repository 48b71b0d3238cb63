"""The sections of the lecture, and its experiments in every language."""

from string import Formatter

import pytest

from app.insight.experiments import EXPERIMENTS
from app.web.lecture import SECTIONS, TRANSLATIONS, translated
from app.web.texts import CATALOGUES, LANGUAGES


def test_every_experiment_is_in_one_section() -> None:
    assert sorted(entry.name for section in SECTIONS for entry in section.experiments) == sorted(EXPERIMENTS)


def test_the_sections_follow_each_other() -> None:
    lines = [line for section in SECTIONS for line in (section.first, section.last)]
    assert lines == sorted(lines) and all(section.experiments for section in SECTIONS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_has_its_words(language: str) -> None:
    for section in SECTIONS:
        for part in ("title", "lead", "text"):
            assert CATALOGUES[language](f"lecture.{section.name}.{part}")


def test_every_experiment_is_translated_with_the_same_numbers() -> None:
    assert set(TRANSLATIONS["ru"]) == set(EXPERIMENTS)
    for name, experiment in EXPERIMENTS.items():
        words = translated(experiment, "ru")
        assert words.claim and words.right != experiment.right and words.title != experiment.title
        assert numbers(words.sentence) == numbers(experiment.sentence), name
        assert translated(experiment, "en") == experiment


def numbers(sentence: str) -> set[tuple[str, str]]:
    """Names and formats of the numbers in a sentence."""
    return {(name, format or "") for _, name, format, _ in Formatter().parse(sentence) if name}
