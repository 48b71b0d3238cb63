"""`antigrad report`: runs as one HTML file."""

import json
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.report import POINTS
from app.cli.report_chart import BOTTOM, LEFT, RIGHT, TOP, Line, chart, ticks
from app.cli.report_page import page
from tests.support.commands import antigrad

HOSTILE = "</title><img src=x onerror=alert(1)> & co"


class Elements(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def told(name: str, **changes: Any) -> dict[str, Any]:
    """The service's answers about a run, from which a report is made."""
    run = {
        "id": f"run_{name}",
        "name": name,
        "status": "succeeded",
        "stop_reason": "max_epochs",
        "error": None,
        "request": {"dataset": "digits", "optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 32, "seed": 0},
        "environment": {"dataset_name": "digits"},
        "progress": {"step": 100, "seconds": 3.2},
        "metrics": {"train": {"loss": 0.1, "accuracy": 0.9}, "validation": None, "test": None},
    }
    points = {"step": [1, 2, 3], "value": [2.3, "NaN", 0.1]}
    return {"run": run, "series": {"train.loss": points}, "findings": [], "card": None, "script": None} | changes


def test_a_report_has_curves_diagnosis_card_and_script(address: str, trained: str, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    done = antigrad(address, "report", trained, "--out", str(file), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"file": str(file), "bytes": file.stat().st_size}
    elements = Elements(file.read_text())
    text = "".join(elements.texts)
    for title in ("Training loss", "Validation accuracy", "Diagnosis", "Network", "What the figures do not show"):
        assert title in text
    assert httpx.get(f"http://{address}/runs/{trained}/script").text in text
    assert elements.names.count("svg") >= 4 and not {"script", "link", "img", "iframe"} & set(elements.names)


def test_a_run_without_weights_or_script_is_reported_all_the_same(address: str, tmp_path: Path) -> None:
    run = httpx.post(f"http://{address}/runs", json={"dataset": "digits", "name": HOSTILE}).json()["id"]
    httpx.post(f"http://{address}/runs/{run}/cancel")
    faulty = httpx.post(f"http://{address}/experiments/sign", json={"seeds": [0]}).json()["runs"]
    ids = [run, *(each["run"] for each in faulty)]
    done = antigrad(address, "report", *ids, "--out", str(tmp_path / "report.html"))
    assert done.returncode == 0, done.stderr
    text = "".join(Elements((tmp_path / "report.html").read_text()).texts)
    assert HOSTILE in text and "sign: plus, seed 0" in text


def test_what_cannot_be_reported_is_told(address: str, trained: str, tmp_path: Path) -> None:
    unknown = antigrad(address, "report", "run_1", "--out", str(tmp_path / "a.html"))
    assert unknown.returncode == 2 and "run_1" in unknown.stderr and list(tmp_path.iterdir()) == []
    many = antigrad(address, "report", *(f"run_{n}" for n in range(21)))
    assert many.returncode == 2 and "at most 20" in many.stderr
    nowhere = antigrad(address, "report", trained, "--out", str(tmp_path / "no folder" / "a.html"))
    assert nowhere.returncode == 2 and "cannot be written" in nowhere.stderr


def test_names_are_text() -> None:
    html = page([told(HOSTILE), told("other")])
    assert "<img" not in html and "onerror=" in html and HOSTILE in "".join(Elements(html).texts)


def test_twenty_runs_with_much_to_tell_stay_below_a_megabyte() -> None:
    steps = list(range(POINTS // 20))
    series = {
        f"{part}.{name}": {"step": steps, "value": [math.sin(step) for step in steps]}
        for part in ("train", "validation")
        for name in ("loss", "accuracy", "r2")
    }
    finding = {"severity": "error", "finding": "ж" * 5000, "try": "ж" * 5000, "advice": None}
    layers = [{"type": "linear", "output_shape": [1000, 1000], "parameters": 10**9}] * 1000
    data = {"name": "ж" * 200, "version": 1, "shape": [1, 28, 28], "classes": [{}] * 1000, "examples": {"train": 10**6}}
    card = {"parameters": 10**9, "layers": layers, "limits": ["ж" * 5000] * 50, "data": data}
    many = [
        told(f"{'<' * 190}{n}", series=series, findings=[finding] * 50, card=card, script='"' * size)
        for n, size in enumerate([2_000, 100_000] * 10)
    ]
    html = page(many)
    assert len(html.encode()) <= 1_000_000
    assert html.count("Script in plain PyTorch") == 10


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (0.1, 0.34, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (0, 0, [0]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_curve_fills_its_plot_and_has_gaps_where_it_is_not_finite() -> None:
    drawing = chart([Line("run-0", "none", [0, 1, 2, 3, 4], [1.0, 3.0, math.nan, math.inf, 2.0])], True)
    assert drawing is not None
    [(_, path)] = drawing.paths
    assert path.count("M") == 2 and path.count("L") == 1
    places = [tuple(map(float, point.split(","))) for point in path.replace("L", "M").split("M")[1:]]
    assert places[0][0] == LEFT and places[-1][0] == RIGHT
    assert all(TOP <= y <= BOTTOM for _, y in places) and places[0][1] > places[2][1] > places[1][1]
    assert chart([Line("run-0", "none", [1], [math.nan])], True) is None


def test_values_far_apart_have_a_logarithmic_axis() -> None:
    line = Line("run-0", "none", [1, 2, 3, 4, 5], [1e6, 1.0, 0.1, 0.1, 0.1])
    drawing = chart([line], may_be_logarithmic=True)
    assert drawing is not None and all(math.log10(tick.value).is_integer() for tick in drawing.up)
    assert len(drawing.up) >= 2
    linear = chart([line], may_be_logarithmic=False)
    assert linear is not None and linear.up[0].value == 0
