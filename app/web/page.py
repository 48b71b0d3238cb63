"""A page: a template, filled in for its reader, with headers that keep other hosts' scripts out.

The reader's language and theme are cookies that the scripts set; without them the browser's preferences count.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.access import EVERYBODY, Scope
from app.api.addresses import address
from app.web import formats
from app.web.colours import colour_of
from app.web.mathml import mathml
from app.web.static_files import static
from app.web.texts import CATALOGUES, LANGUAGES, Texts, preferred
from app.web.translations import TRANSLATIONS, meaning, said

# The pages of the navigation, by their keys in the catalogue.
SECTIONS = (
    ("runs", "/ui/runs"),
    ("datasets", "/ui/datasets"),
    ("try", "/ui/try"),
    ("optimizers", "/ui/optimizers"),
    ("learn", "/ui/learn"),
    ("models", "/ui/models"),
    ("sweeps", "/ui/sweeps"),
    ("queue", "/ui/queue"),
)
THEMES = ("light", "dark")
POLICY = "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'"
HEADERS = {
    "Cache-Control": "private, no-cache",  # `no-store` would keep the browser from showing it at once on the way back
    "Vary": "Cookie, Accept-Language",
}

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.globals |= {
    "address": address,
    "static": static,
    "languages": LANGUAGES,
    "sections": SECTIONS,
    "percent": formats.percent,
    "metric": formats.metric,
}
templates.filters |= {
    "colour_of": colour_of,
    "number": formats.number,
    "metric": formats.metric,
    "percent": formats.percent,
    "math": mathml,
    "prose": formats.prose,
}


@dataclass(frozen=True)
class Reader:
    """Preferences of a page's reader; `theme` is empty for that of the system. An embedded page has no frame."""

    texts: Texts
    theme: str
    is_embedded: bool

    @classmethod
    def of(cls, request: Request) -> "Reader":
        language = request.cookies.get("antigrad_language")
        if language not in CATALOGUES:
            language = preferred(request.headers.get("Accept-Language", ""))
        theme = request.cookies.get("antigrad_theme", "")
        return cls(CATALOGUES[language], theme if theme in THEMES else "", request.query_params.get("embed") == "1")


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """The answer with a template's page. Other pages may frame an embedded one, if the settings name their origins."""
    reader = Reader.of(request)
    content = templates.get_template(template).render(_context(request, reader) | values)
    return HTMLResponse(content, status, HEADERS | {"Content-Security-Policy": _policy(request, reader)})


def _context(request: Request, reader: Reader) -> dict[str, Any]:
    caller, texts = request.state.caller, reader.texts
    return {
        "t": texts,
        "texts_of_scripts": _json(texts.of_scripts()),
        "theme": reader.theme,
        "is_embedded": reader.is_embedded,
        "path": request.url.path.removeprefix(request.scope.get("root_path", "")),
        "owner": caller.owner,
        "has_owners": caller is not EVERYBODY,
        "is_shared": caller.only is not None,
        "has_session": caller is not EVERYBODY and caller.key is not None,
        "may_train": caller.only is None and caller.may(Scope.TRAIN),
        "may_read": caller.may(Scope.READ),
        "duration": partial(formats.duration, texts),
        "milliseconds": partial(formats.milliseconds, texts),
        "ago": partial(formats.ago, texts),
        "until": partial(formats.until, texts),
        "size": partial(formats.size, texts),
        "json": _json,
        "said": partial(said, texts.language),
        "meaning": partial(meaning, texts.language),
        "message_texts": static(f"messages.{texts.language}.json") if texts.language in TRANSLATIONS else None,
    }


def _policy(request: Request, reader: Reader) -> str:
    origins: tuple[str, ...] = request.app.state.settings.origins if reader.is_embedded else ()
    return f"{POLICY}; frame-ancestors {' '.join(origins) or repr('none')}"


def _json(value: Any) -> Markup:
    """JSON for a data block of a page: nothing in it ends the element or begins another one."""
    text = json.dumps(value, ensure_ascii=False)
    return Markup(text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e"))
