"""Promises of every page: accessible in both themes, no wider than a phone, nothing from elsewhere."""

import math
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Request, expect
from sqlalchemy import select, update

from app.storage import curves
from app.storage.database import database_now
from app.storage.tables import Run
from tests.support.commands import serving
from tests.support.rows import insert_run, insert_sweep
from tests.support.served import insert_network
from tests.support.services import KEY, Template
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
    "/ui/models/letters",
    "/ui/queue",
    "/ui/sweeps",
    "/ui/sweeps/swp_1",
    "/ui/sweeps/new",
    "/ui/sweeps/new?runs=run_3,run_4",
    "/ui/runs/run_3",
    "/ui/runs/run_5",
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
        insert_sweep(db, "swp_1")
    for seed, run in enumerate(("run_3", "run_4", "run_5")):
        insert_network(shelf.database, shelf.files, run, seed=seed)
        steps = list(range(1, 3000))
        with shelf.database.write() as db:
            curves.append(db, run, {"train.loss": (steps, [2 / step**0.5 for step in steps])})
            curves.append(db, run, {"validation.accuracy": ([1000, 2000, 2999], [0.7, 0.8, 0.9])})
            curves.append(db, run, {"layer.0.gradient_norm": ([1, 2, 4, 8], [1.0, 0.1, 0.01, math.nan])})

    body = {"runs": {"run_3": 0.9, "run_4": 0.1}, "shadow": {"run": "run_4", "share": 0.2}}
    httpx.put(f"{shelf.address}/models/letters", json=body).raise_for_status()
    with shelf.database.write() as db:  # the last one goes on
        now = db.execute(select(database_now())).scalar_one()
        going = update(Run).where(Run.id == "run_5")
        db.execute(going.values(status="running", finished_at=None, worker="w", lease_expires_at=now + 3600))


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_light_and_has_no_serious_barrier_in_either_theme(
    open_window: Callable[..., Window], shelf: Shelf, path: str
) -> None:
    window = open_window(shelf.address, color_scheme="light", reduced_motion="reduce", bypass_csp=True)
    window.refused = (404,)
    sizes: list[tuple[int, int]] = []

    def add(request: Request) -> None:
        if request.resource_type in ("script", "stylesheet") and (response := request.response()):
            sizes.append((len(response.body()), request.sizes()["responseBodySize"]))

    window.page.on("requestfinished", add)
    page = window.open_to_the_end(path)
    assert sum(size for size, _ in sizes) <= 150_000 and sum(sent for _, sent in sizes) <= 60_000
    assert_no_barrier(page)


def assert_no_barrier(page: Page) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; `make clients` does it")
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert violations(page) == [], theme


@pytest.mark.long
@pytest.mark.parametrize(
    ("path", "opener", "opened"),
    [
        ("/ui/models/letters", "#calls summary", "#calls-text"),
        ("/ui/runs", ".menu summary", "#columns"),
        ("/ui/runs/run_3", ".menu summary", ".menu .sheet"),
        ("/ui/runs/run_3", "[data-open=again]", "#again"),
        ("/ui/runs/run_3", "[data-open=promote]", "#promote"),
    ],
)
def test_what_is_opened_has_no_serious_barrier(
    open_window: Callable[..., Window], shelf: Shelf, path: str, opener: str, opened: str
) -> None:
    page = open_window(shelf.address, reduced_motion="reduce", bypass_csp=True).open_to_the_end(path)
    page.locator(opener).first.click()
    expect(page.locator(opened)).to_be_visible()
    assert_no_barrier(page)


@pytest.mark.long
def test_the_list_of_keys_has_no_serious_barrier(open_window: Callable[..., Window], shelf: Shelf) -> None:
    page = open_window(shelf.address, reduced_motion="reduce", bypass_csp=True).open_to_the_end("/ui/runs")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert_no_barrier(page)


@pytest.mark.long
def test_the_login_has_no_serious_barrier(
    open_window: Callable[..., Window], template: Template, tmp_path: Path
) -> None:
    template.fill(home := tmp_path / "home")
    with serving(home, "--workers", "0", ANTIGRAD_API_KEY=KEY) as address:
        window = open_window(f"http://{address}", reduced_motion="reduce", bypass_csp=True)
        window.refused = (401,)
        page = window.open_to_the_end("/login")
        assert_no_barrier(page)
        page.get_by_label("Your API key").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("wrong")
        assert_no_barrier(page)


@pytest.mark.long
@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_phone(open_window: Callable[..., Window], shelf: Shelf, path: str) -> None:
    window = open_window(shelf.address, viewport=PHONE, has_touch=True, locale="ru-RU")
    window.refused = (404,)
    page = window.open_to_the_end(path)
    expect(page.locator("h1").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    for current in page.locator("nav [aria-current=page]").all():
        box = current.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]


# Texts and titles of several Latin words in a row that no element calls English; code has no language.
UNMARKED = """() => {
  const isEnglish = (text) => /([a-z]{2,}[,;:]? ){3,}[a-z]{2,}/i.test(text) && !/[а-яё]/i.test(text);
  const isMarked = (element) => element.closest("[lang]").lang === "en" || element.closest("pre, code, script, style");
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (isEnglish(data) && !isMarked(parentElement)) found.push(data.trim());
  }
  for (const element of document.querySelectorAll("[title]"))
    if (isEnglish(element.title) && !isMarked(element)) found.push(element.title);
  return found;
}"""


@pytest.mark.long
@pytest.mark.parametrize(
    "path", ["/ui/runs/new", "/ui/datasets", "/ui/datasets/notmnist", "/ui/optimizers", "/ui/models/letters", "/ui/try"]
)
def test_english_of_a_russian_page_is_marked_as_such(
    open_window: Callable[..., Window], shelf: Shelf, path: str
) -> None:
    page = open_window(shelf.address, locale="ru-RU").open_to_the_end(path)
    assert page.evaluate(UNMARKED) == []


@pytest.mark.long
def test_what_is_chosen_for_a_new_run_is_explained_in_the_readers_language(
    open_window: Callable[..., Window], shelf: Shelf
) -> None:
    window = open_window(shelf.address, locale="ru-RU")
    window.refused = (404, 409, 422)  # while layers do not fit together
    page = window.open_to_the_end("/ui/runs/new")
    explained = page.locator("#optimizer-summary")
    for name in page.locator("#optimizer option").all_text_contents():
        page.locator("#optimizer").select_option(name)
        expect(explained).to_have_attribute("lang", "ru")
        expect(explained).to_have_text(re.compile("[а-яё]"))
        assert page.evaluate(UNMARKED) == [], name
    for name in page.locator("#preset option").evaluate_all("options => options.map(({ value }) => value)"):
        page.locator("#preset").select_option(name)
        assert page.evaluate(UNMARKED) == [], name
    page.locator("#preset").select_option("")
    for name in page.locator("#add-layer option").evaluate_all("options => options.map(({ value }) => value)"):
        if name:
            page.locator("#add-layer").select_option(name)
    assert page.evaluate(UNMARKED) == []
