"""Trying a network in a browser: what is drawn is recognised while it is drawn."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import Window

pytestmark = pytest.mark.long

LETTERS: dict[str, Any] = {
    "dataset": "notmnist",
    "model": {"layers": [{"type": "linear", "units": 128}, {"type": "relu"}]},
    "stop": {"max_epochs": 6},
    "device": "cpu",
}


@pytest.fixture(scope="module")
def letters(address: str) -> Iterator[str]:
    with httpx.Client(base_url=f"http://{address}", timeout=60) as api:
        run = api.post("/runs", json=LETTERS).raise_for_status().json()["id"]
        while (ended := api.get(f"/runs/{run}?wait=30").json())["status"] in ("queued", "running"):
            pass
        assert ended["metrics"]["test"]["accuracy"] > 0.85
        yield run


@pytest.fixture
def window(open_window: Callable[..., Window], address: str) -> Window:
    """A window at a service with a worker."""
    return open_window(f"http://{address}")


def draw(page: Page, *strokes: list[tuple[float, float]]) -> None:
    """Draw strokes through places between 0 and 1 of the paper; the last one is not lifted."""
    box = page.locator("#drawing").bounding_box()
    assert box
    for place, stroke in enumerate(strokes):
        for step, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6 if step else 1)
            if step == 0:
                page.mouse.down()
        if place < len(strokes) - 1:
            page.mouse.up()


def test_a_letter_is_recognised_before_the_pen_is_lifted_and_then_explained(window: Window, letters: str) -> None:
    page = window.open(f"/ui/try?run={letters}")
    draw(page, [(0.3, 0.85), (0.5, 0.15), (0.7, 0.85)], [(0.38, 0.6), (0.62, 0.6)])
    answer = page.locator(".answer").first
    expect(answer.locator(".verdict")).to_contain_text("A")
    page.mouse.up()
    expect(answer.locator(".probabilities li")).to_have_count(10)
    page.wait_for_function("() => document.querySelector('.saliency').width === 28")
    overlay, paper = page.locator("#overlay").bounding_box(), page.locator("#drawing").bounding_box()
    assert overlay and paper  # around the ink, which is higher than wide, in the middle of the sheet
    assert overlay["x"] + overlay["width"] / 2 == pytest.approx(paper["x"] + paper["width"] / 2, abs=2)
    assert 0.7 * paper["height"] < overlay["height"] < paper["height"]
    page.get_by_label("Explain on the paper").fill("0")
    expect(page.locator("#overlay")).to_have_css("opacity", "0")
    assert page.locator(".seen").first.evaluate("canvas => canvas.width") == 28
    page.locator("summary", has_text="As code").click()
    expect(page.locator("#calls-text")).to_contain_text(f"/predict?run={letters}&crop=ink")
    page.get_by_role("button", name="Clear").click()
    expect(answer.locator(".verdict")).to_be_empty()
    expect(page.locator("#overlay")).to_be_hidden()


def test_a_photo_is_recognised_by_two_networks_side_by_side(window: Window, letters: str, address: str) -> None:
    sample = httpx.get(f"http://{address}/datasets/notmnist/samples", params={"run": letters, "limit": 1}).json()
    index = sample["items"][0]["index"]
    picture = httpx.get(f"http://{address}/datasets/notmnist/images/{index}.png").content
    page = window.open(f"/ui/try?run={letters}")
    page.get_by_role("button", name="Beside another network").click()
    page.get_by_label("Beside it").select_option(f"run={letters}")
    page.get_by_label("Crop to the ink").uncheck()
    page.locator("#photo").set_input_files({"name": "a letter.png", "mimeType": "image/png", "buffer": picture})
    asked = {"params": {"run": letters}, "headers": {"Content-Type": "image/png"}}
    label = httpx.post(f"http://{address}/predict", content=picture, **asked).json()["predictions"][0]["label"]
    for place in range(2):
        expect(page.locator(".verdict").nth(place)).to_contain_text(label)


def test_a_file_that_is_no_picture_is_said_to_be_none(window: Window, letters: str) -> None:
    page = window.open(f"/ui/try?run={letters}")
    page.locator("#photo").set_input_files({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no picture"})
    expect(page.locator(".problem").first).to_contain_text("no picture")
