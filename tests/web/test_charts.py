"""Curves in a browser: nothing of a long one is lost, and what is smoothed stays the same however it is looked at."""

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, Request, expect

from app.storage import curves, pyramid
from app.web.colours import colour_of
from tests.support.served import insert_network
from tests.web.browser import Window
from tests.web.conftest import Shelf

pytestmark = pytest.mark.long

STEPS, SPIKE = 10**6, 123_457
CHUNK = 50_000
# Numbers of pixels in the colour of a run's line, within parts of the plot: from left to right, from top to bottom.
INKED = """([colour, parts]) => {
  const canvas = document.querySelector(".chart-plot canvas");
  const [outer, plot] = [canvas, document.querySelector(".u-over")].map((each) => each.getBoundingClientRect());
  const ink = getComputedStyle(canvas).getPropertyValue(`--run-${colour}`).match(/\\d+/g).slice(0, 3).map(Number);
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data, width } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const isInked = (x, y) => {
    const at = 4 * (Math.round(y) * width + Math.round(x));
    return data[at + 3] > 40 && ink.every((part, channel) => Math.abs(part - data[at + channel]) < 24);
  };
  return parts.map(([left, right, top, bottom]) => {
    let count = 0;
    for (let x = left * plot.width; x < right * plot.width; x++)
      for (let y = top * plot.height; y < bottom * plot.height; y++)
        count += isInked(plot.left - outer.left + x, plot.top - outer.top + y);
    return count;
  });
}"""


@pytest.fixture(scope="module", autouse=True)
def runs(shelf: Shelf) -> None:
    """A long run with one step that stands out, and a run whose loss is not finite for a while."""
    for run in ("run_long", "run_gaps"):
        insert_network(shelf.database, shelf.files, run)
    noise = np.random.default_rng(0)
    with shelf.database.write() as db:
        recorded: dict[str, int] = {}
        for first in range(1, STEPS + 1, CHUNK):
            steps = np.arange(first, first + CHUNK)
            values = 1 + noise.random(CHUNK) * 0.1
            if first <= SPIKE < first + CHUNK:
                values[SPIKE - first] = 10
            pyramid.append(db, "run_long", {"train.loss": (steps.tolist(), values.tolist())}, recorded)
            recorded["train.loss"] = first + CHUNK - 1
        values = [1.0] * 40 + [math.nan] * 10 + [math.inf] * 10 + [1.0] * 40
        curves.append(db, "run_gaps", {"train.loss": (list(range(1, 101)), values)})


def opened(window: Window, run: str, **state: Any) -> Page:
    query = "&".join(f"{name.rstrip('_')}={value}" for name, value in state.items())
    page = window.open_to_the_end(f"/ui/runs/{run}?{query}")
    expect(page.locator("figure.chart")).to_have_count(1)
    return page


@pytest.mark.parametrize("around", [STEPS, 100_000, 5_000, 200, 10])
def test_one_step_in_a_million_is_seen_at_every_zoom(window: Window, around: int) -> None:
    start, end = max(1, SPIKE - around), min(STEPS, SPIKE + around)
    page = opened(window, "run_long", smoothing="none", scale="linear", from_=start, to=end)
    page.wait_for_function(f"(seen) => ({INKED})(seen)[0] > 0", arg=[colour_of("run_long"), [[0, 1, 0, 0.4]]])


def test_a_zoom_reads_its_part_alone_and_in_full(window: Window) -> None:
    asked: list[dict[str, list[str]]] = []

    def note(request: Request) -> None:
        if "/curve?" in request.url:
            asked.append(parse_qs(urlsplit(request.url).query))

    window.page.on("request", note)
    opened(window, "run_long", from_=1000, to=2000)
    assert asked == [{"points": ["2000"]}, {"points": ["2000"], "from_step": ["1000"], "to_step": ["2000"]}]


def test_the_smoothed_value_is_the_same_at_every_zoom(window: Window) -> None:
    values = []
    for around in (STEPS, 100_000, 1_000):
        start, end = max(1, SPIKE - around), min(STEPS, SPIKE + around)
        page = opened(window, "run_long", smoothing="strong", from_=start, to=end)
        plot = page.locator(".u-over")
        box = plot.bounding_box()
        assert box
        share = (SPIKE - start) / (end - start)
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 20)
        output = page.locator("figure.chart output")
        expect(output).to_contain_text("Training")
        values.append(output.inner_text().rpartition(" ")[2])
    assert len(set(values)) == 1


def test_what_is_not_finite_is_a_gap_with_a_mark(window: Window) -> None:
    page = opened(window, "run_gaps", smoothing="none")
    plot = page.locator(".u-over")
    box = plot.bounding_box()
    assert box
    output = page.locator("figure.chart output")
    for step, shown in ((20, "1"), (45, "NaN"), (55, "∞"), (80, "1")):
        page.mouse.move(box["x"] + (step - 1) / 99 * box["width"], box["y"] + 20)
        expect(output).to_have_text(f"Step {step} · Training {shown}")
    height = [0.3, 0.7]  # of the line
    parts = [[0.2, 0.22, *height], [0.47, 0.49, *height], [0.8, 0.82, *height], [0.39, 0.6, 0, 1]]
    before, between, after, marks = page.evaluate(INKED, [colour_of("run_gaps"), parts])
    assert before and after and marks and not between


def test_a_chart_is_saved_as_it_is_seen(window: Window) -> None:
    page = opened(window, "run_gaps", smoothing="none")
    chart = page.locator("figure.chart")
    chart.hover()
    saved = {}
    for kind in ("PNG", "SVG", "CSV"):
        with page.expect_download() as download:
            chart.get_by_role("button", name=kind).click()
        assert download.value.suggested_filename == f"loss.{kind.lower()}"
        saved[kind] = Path(download.value.path()).read_bytes()
    with Image.open(io.BytesIO(saved["PNG"])) as picture:
        assert picture.size == tuple(page.locator(".chart-plot canvas").first.evaluate("(c) => [c.width, c.height]"))
    texts = [text.text for text in ElementTree.fromstring(saved["SVG"]).iter("{http://www.w3.org/2000/svg}text")]
    assert {"×", "▲", "Training", "100"} <= set(texts)
    rows = list(csv.DictReader(io.StringIO(saved["CSV"].decode())))
    assert [int(row["step"]) for row in rows] == list(range(1, 101))
    assert {row["value"] for row in rows} == {"1", "NaN", "Infinity"}


def test_a_chart_of_a_dark_page_is_printed_in_the_colours_of_a_light_one(
    open_window: Callable[..., Window], shelf: Shelf
) -> None:
    page = opened(open_window(shelf.address, color_scheme="dark"), "run_gaps")
    whole = [colour_of("run_gaps"), [[0, 1, 0, 1]]]
    ink = f"() => getComputedStyle(document.body).getPropertyValue('--run-{whole[0]}')"
    on_screen = page.evaluate(ink)
    page.wait_for_function(f"(seen) => ({INKED})(seen)[0] > 0", arg=whole)
    look = f"(whole) => addEventListener('beforeprint', () => (window.printed = [({ink})(), ({INKED})(whole)[0]]))"
    page.evaluate(look, whole)
    page.pdf()
    on_paper, count = page.evaluate("printed")
    assert on_paper != on_screen
    assert count > 0
    assert page.evaluate(ink) == on_screen
    page.wait_for_function(f"(seen) => ({INKED})(seen)[0] > 0", arg=whole)
