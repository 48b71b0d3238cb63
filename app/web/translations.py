"""Messages in the language of a page's reader: texts by their codes. English has those of the API.

A code without a text keeps its English sentence, which is marked as English, after the kind of the problem.
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup, escape

from app.messages.rendering import filled
from app.messages.vocabulary import API

FOLDER = Path(__file__).parent / "locales"
# By language: templates by code, kinds of problems by status, and meanings of findings, warnings and remarks by code.
TRANSLATIONS: dict[str, dict[str, dict[str, str]]] = {
    path.name.split(".")[1]: tomllib.loads(path.read_text("utf-8")) for path in FOLDER.glob("messages.*.toml")
}


def said(language: str, code: str | None, params: Mapping[str, Any], english: str, status: int | None = None) -> Markup:
    """The sentence of a problem. `static/js/translations.js` does the same for scripts."""
    if language not in TRANSLATIONS:
        return escape(english)
    try:
        return escape(_filled(TRANSLATIONS[language]["codes"], code, params))
    except KeyError:
        kind = kind_of(language, status)
        return Markup('{}<span lang="en">{}</span>').format(f"{kind}: " if kind else "", english)


def _filled(codes: Mapping[str, str], code: str | None, params: Mapping[str, Any]) -> str:
    """The sentence of a code. Raises KeyError for one without a text, also within the parameters."""
    values = {name: _translated(codes, value) for name, value in params.items()}
    return filled(codes[code or ""], values, API)


def _translated(codes: Mapping[str, str], value: Any) -> Any:
    """A parameter, which may be a message itself."""
    if isinstance(value, list):
        return [_translated(codes, item) for item in value]
    return _filled(codes, value["code"], value["params"]) if isinstance(value, Mapping) else value


def meaning(language: str, kind: Literal["findings", "warnings", "remarks"], code: str) -> str | None:
    """The meaning of a finding, warning or remark, without numbers. None in English, whose sentence says it, and for a
    code of another version."""
    return TRANSLATIONS[language][kind].get(code) if language in TRANSLATIONS else None


def kind_of(language: str, status: int | None) -> str | None:
    """The kind of a problem with this status; None in English, whose titles are those of the API."""
    return TRANSLATIONS[language]["kinds"].get(str(status)) if language in TRANSLATIONS else None
