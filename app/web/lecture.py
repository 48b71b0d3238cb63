"""Sections of the lecture, the experiments of each, and the experiments in the reader's language."""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from app.insight.experiments import EXPERIMENTS
from app.insight.experiments.experiment import Experiment


@dataclass(frozen=True)
class Section:
    """A part of the lecture's text. The catalogues have its words, below `lecture.<name>`."""

    name: str
    first: int  # line of the lecture's text
    last: int

    @property
    def lines(self) -> str:
        return f"L{self.first}–{self.last}"

    @property
    def experiments(self) -> list[Experiment]:
        """Experiments whose claims begin in this section, in the order of the lecture."""
        within = [entry for entry in EXPERIMENTS.values() if self.first <= first_line(entry) <= self.last]
        return sorted(within, key=first_line)


SECTIONS = (
    Section("nonlinearity", 63, 97),
    Section("activations", 99, 174),
    Section("backpropagation", 176, 345),
    Section("descent", 347, 415),
    Section("optimizers", 417, 530),
    Section("letters", 532, 879),
    Section("regression", 881, 967),
)


def first_line(experiment: Experiment) -> int:
    """First line of the lecture's text that an experiment is about."""
    return int(re.findall(r"\d+", experiment.lines)[0])


def _translations(language: str) -> dict[str, dict[str, str]]:
    """Title, claim, correction and sentence of experiments by their names; none for English, which the registry has."""
    path = Path(__file__).parent / "locales" / f"experiments.{language}.toml"
    return tomllib.loads(path.read_text("utf-8")) if path.exists() else {}


TRANSLATIONS = {language: _translations(language) for language in ("en", "ru")}


def translated(experiment: Experiment, language: str) -> Experiment:
    """The experiment with its words in a language; in English if there is no translation."""
    return replace(experiment, **TRANSLATIONS[language].get(experiment.name, {}))  # type: ignore[arg-type]
