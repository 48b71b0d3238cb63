"""Promises of every page: accessible in both themes, no wider than a phone, nothing from elsewhere."""

import math
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from app.storage import curves
from tests.support.rows import insert_run
from tests.support.served import insert_network
from tests.web.browser import AXE, Window, violations
from tests.web.conftest import Shelf

PHONE = {"width": 375, "height": 800}
PAGES = (
    "/ui/runs",
    "/ui/runs/new",
    "/ui/datasets",
    "/ui/datasets/notmnist",
    "/ui/datasets/diabetes",
    "/ui/optimizers",
    "/ui/learn",
    "/ui/learn/optimizers",
    "/ui/models",
    "/ui/queue",
    "/ui/runs/run_3",
    "/ui/compare",
    "/ui/compare?runs=run_3,run_4",
    "/ui/try",
    "/ui/nowhere",
)


@pytest.fixture(scope="module", autouse=True)
def a_run(shelf: Shelf) -> None:
    with shelf.database.write() as db:
        insert_run(db, "run_1", "failed", name="letters", tags={"course": "ml"})
        insert_run(db, "run_2", "queued", name="a name without any place to break it " * 4)
    for seed, run in enumerate(("run_3", "run_4")):
        insert_network(shelf.database, shelf.files, run, seed=seed)
        steps = list(range(1, 3000))
        with shelf.database.write() as db:
            curves.append(db, run, {"train.loss": (steps, [2 / step**0.5 for step in steps])})
            curves.append(db, run, {"validation.accuracy": ([1000, 2000, 2999], [0.7, 0.8, 0.9])})
            curves.append(db, run, {"layer.0.gradient_norm": ([1, 2, 4, 8], [1.0, 0.1, 0.01, math.nan])})


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_a_serious_barrier(open_window: Callable[..., Window], shelf: Shelf, path: str, theme: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; `make clients` does it")
    window = open_window(shelf.address, color_scheme=theme, bypass_csp=True)
    window.refused = (404,)
    page = window.open(path)
    page.wait_for_load_state("networkidle")
    assert violations(page) == []


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_phone(open_window: Callable[..., Window], shelf: Shelf, path: str) -> None:
    window = open_window(shelf.address, viewport=PHONE, has_touch=True, locale="ru-RU")
    window.refused = (404,)
    page = window.open(path)
    page.wait_for_load_state("networkidle")
    expect(page.locator("h1").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for current in page.locator("nav [aria-current=page]").all():
        box = current.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_at_most_150_kb_of_script_and_style(
    open_window: Callable[..., Window], shelf: Shelf, path: str
) -> None:
    window = open_window(shelf.address)
    window.refused = (404,)
    sizes: list[tuple[int, int]] = []

    def add(response: object) -> None:
        if response.request.resource_type in ("script", "stylesheet"):  # type: ignore[attr-defined]
            sizes.append((len(response.body()), response.request.sizes()["responseBodySize"]))  # type: ignore[attr-defined]

    window.page.on("requestfinished", lambda request: add(request.response()))
    window.open(path).wait_for_load_state("networkidle")
    assert sum(size for size, _ in sizes) <= 150_000 and sum(sent for _, sent in sizes) <= 60_000
