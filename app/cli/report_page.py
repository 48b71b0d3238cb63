"""The HTML of a report. Names and other texts of users are text in it, and each part has a limit in bytes."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import escape

from app.cli.http import sentence
from app.cli.report_chart import Chart, Line, chart
from app.web.colours import colour_of
from app.web.formats import duration, metric, number, percent
from app.web.texts import CATALOGUES

TITLES = {
    "train.loss": "Training loss",
    "validation.loss": "Validation loss",
    "train.accuracy": "Training accuracy",
    "validation.accuracy": "Validation accuracy",
    "train.r2": "Training R²",
    "validation.r2": "Validation R²",
}
DASHES = ("none", "6 3", "2 3", "8 3 2 3")  # of runs of the same colour, as the pages have them
WORST_R2 = -1.0  # a lower one is drawn as a gap: it would flatten all others
SCRIPTS, REQUESTS = 240_000, 100_000  # bytes of all scripts and of all requests together
ROWS, FINDINGS, LIMITS, LETTERS = 30, 5, 8, 300  # of a table, of a list, and of a sentence

templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
templates.filters |= {"metric": metric, "number": number, "percent": percent}


def page(told: Sequence[dict[str, Any]]) -> str:
    """A page about runs; `told` has the answers of the service about each."""
    sections = [_section(each, dash, len(told)) for each, dash in zip(told, _dashes(told), strict=True)]
    drawings = [(title, drawing) for name, title in TITLES.items() if (drawing := _drawing(name, told, sections))]
    names = [section["name"] for section in sections]
    title = names[0] if len(names) == 1 else f"{len(names)} runs"
    return templates.get_template("report.html").render(title=title, sections=sections, drawings=drawings)


def _section(told: dict[str, Any], dash: str, count: int) -> dict[str, Any]:
    run, card, script = told["run"], told["card"], told["script"]
    request = json.dumps(run["request"], indent=2, ensure_ascii=False)
    return {
        "run": run,
        "name": run["name"] or run["id"],
        "look": f"run-{colour_of(run['id'])}",
        "dash": dash,
        "score": _score(run["metrics"]),
        "time": duration(CATALOGUES["en"], run["progress"].get("seconds")),
        "failure": clipped(sentence(run["error"], run["error"]["message"])) if run["error"] else None,
        "findings": [
            {
                "severity": finding["severity"],
                "text": clipped(finding["finding"]),
                "advice": clipped(sentence(finding["advice"], finding["try"])),
            }
            for finding in told["findings"][:FINDINGS]
        ],
        "card": card,
        "layers": card["layers"][:ROWS] if card else [],
        "limits": [clipped(limit) for limit in card["limits"][:LIMITS]] if card else [],
        "script": script if script and fits(script, SCRIPTS // count) else None,
        "request": request if fits(request, REQUESTS // count) else None,
    }


def _dashes(told: Sequence[dict[str, Any]]) -> list[str]:
    """A dash for each run: runs of the same colour have different ones."""
    used: Counter[int] = Counter()
    dashes = []
    for each in told:
        colour = colour_of(each["run"]["id"])
        dashes.append(DASHES[used[colour] % len(DASHES)])
        used[colour] += 1
    return dashes


def _drawing(name: str, told: Sequence[dict[str, Any]], sections: Sequence[dict[str, Any]]) -> Chart | None:
    lines = []
    for each, section in zip(told, sections, strict=True):
        points = each["series"].get(name, {"step": [], "value": []})
        values = [float(value) for value in points["value"]]
        if name.endswith("r2"):
            values = [value if value >= WORST_R2 else math.nan for value in values]
        lines.append(Line(section["look"], section["dash"], points["step"], values))
    return chart([line for line in lines if line.steps], may_be_logarithmic=name.endswith("loss"))


def _score(metrics: dict[str, Any]) -> str:
    """The figure to compare runs by: of the test part, or else of the validation part."""
    for part in ("test", "validation"):
        measured = metrics.get(part) or {}
        if "accuracy" in measured:
            return percent(measured["accuracy"])
        if "r2" in measured:
            return f"R² {metric(measured['r2'], 3)}"
    return "–"


def clipped(text: str) -> str:
    return text if len(text) <= LETTERS else f"{text[:LETTERS]}…"


def fits(text: str, limit: int) -> bool:
    """True if a text takes at most so many bytes as HTML."""
    return len(escape(text).encode()) <= limit
