"""Texts of the pages in the languages that people read them in: a catalogue for each language, in the files of
`locales` whose names begin with it.

A key is a path in the catalogue, such as `runs.title`. A text that counts something is a table of plural forms; `n`
chooses one.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Forms = Mapping[str, str]
PLURALS: dict[str, Callable[[int], str]] = {
    "en": lambda n: "one" if n == 1 else "other",
    "ru": lambda n: (
        "one"
        if n % 10 == 1 and n % 100 != 11
        else "few"
        if n % 10 in (2, 3, 4) and n % 100 not in (12, 13, 14)
        else "many"
    ),
}
LANGUAGES = tuple(PLURALS)
SCRIPTS, SHARED = "scripts.", ("format.", "status.")  # the texts of scripts alone, and of both


class Texts:
    """The catalogue of a language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.entries: dict[str, str | Forms] = {}
        for path in sorted((Path(__file__).parent / "locales").glob(f"{language}.*")):
            self.entries |= _entries(tomllib.loads(path.read_text("utf-8")))

    def __call__(self, key: str, **values: Any) -> str:
        """The text with its values. Raises KeyError for an unknown key or a value that is missing."""
        entry = self.entries[key]
        text = entry if isinstance(entry, str) else entry[PLURALS[self.language](values["n"])]
        return text.format_map({name: _counted(value) for name, value in values.items()}) if values else text

    def of_scripts(self) -> dict[str, str | Forms]:
        """The texts that scripts show, by keys without the prefix `scripts.`."""
        shown = (SCRIPTS, *SHARED)
        return {key.removeprefix(SCRIPTS): entry for key, entry in self.entries.items() if key.startswith(shown)}

    def below(self, prefix: str) -> dict[str, str | Forms]:
        """The texts whose keys begin with a prefix, by the rest of their keys."""
        return {key.removeprefix(prefix): entry for key, entry in self.entries.items() if key.startswith(prefix)}


def _entries(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str | Forms]]:
    """Keys and texts of a nested catalogue."""
    entries: list[tuple[str, str | Forms]] = []
    for name, value in content.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or set(value) <= {"one", "few", "many", "other"}:
            entries.append((key, value))
        else:
            entries.extend(_entries(value, f"{key}."))
    return entries


def _counted(value: Any) -> Any:
    """Whole numbers with a thin space between thousands."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else value


CATALOGUES = {language: Texts(language) for language in LANGUAGES}


def preferred(accepted: str) -> str:
    """The language that an Accept-Language header prefers, of those that there are; English if it names none."""
    weighted = []
    for place, part in enumerate(accepted.split(",")):
        name, _, weight = part.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), place, name.partition("-")[0].lower()))
        except ValueError:
            continue
    return next((name for _, _, name in sorted(weighted) if name in CATALOGUES), "en")
