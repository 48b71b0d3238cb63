"""Keys in a browser: each does what the list of keys says, and the list has no other."""

import re

import httpx
import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from app.storage.tables import Run
from tests.support.served import insert_network
from tests.web.browser import Window
from tests.web.conftest import Shelf

pytestmark = pytest.mark.long

COMPARED = "/ui/compare?runs=run_0,run_1,run_2"


@pytest.fixture(scope="module", autouse=True)
def runs(shelf: Shelf) -> None:
    for seed, run in enumerate(("run_0", "run_1", "run_2", "run_paused")):
        insert_network(shelf.database, shelf.files, run, seed=seed)
    with shelf.database.write() as db:
        db.execute(update(Run).where(Run.id == "run_paused").values(status="paused", finished_at=None))


def keys_of(page: Page) -> list[str]:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    listed = page.locator("dialog kbd").all_text_contents()
    page.keyboard.press("Escape")
    return listed


@pytest.mark.parametrize(
    ("path", "keys"),
    [
        ("/ui/runs", "?n./jkxc"),
        ("/ui/runs?group=optimizer", "?n./"),
        ("/ui/runs?q=nothing", "?n./"),
        ("/ui/runs/run_0", "?n.c"),
        (COMPARED, "?njkb"),
        ("/ui/compare", "?n"),
        ("/ui/optimizers", "?n.p"),
        ("/ui/models", "?n"),
    ],
)
def test_the_list_has_the_keys_of_the_page(window: Window, path: str, keys: str) -> None:
    page = window.open_to_the_end(path)
    assert sorted(keys_of(page)) == sorted(keys)


def test_n_leads_to_a_new_run(window: Window) -> None:
    page = window.open("/ui/models")
    page.keyboard.press("n")
    expect(page).to_have_url(re.compile("/ui/runs/new"))


@pytest.mark.parametrize("path", ["/ui/runs", "/ui/runs/run_0"])
def test_a_point_opens_and_closes_the_menu(window: Window, path: str) -> None:
    page = window.open_to_the_end(path)
    menu = page.locator("details.menu .sheet")
    page.keyboard.press(".")
    expect(menu).to_be_visible()
    page.keyboard.press(".")
    expect(menu).to_be_hidden()


def test_a_point_is_a_step_of_the_optimizers(window: Window) -> None:
    page = window.open_to_the_end("/ui/optimizers")
    page.locator("#at").fill("3")
    page.keyboard.press(".")
    expect(page.locator("#at")).to_have_value("4")


def test_picked_runs_are_compared_by_key(window: Window) -> None:
    page = window.open_to_the_end("/ui/runs")
    page.keyboard.press("c")  # of none
    for key in ("j", "x", "j", "x", "c"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("/ui/compare\\?runs=run_paused,run_2$"))


def test_no_key_cancels_a_run(window: Window, shelf: Shelf) -> None:
    page = window.open_to_the_end("/ui/runs/run_paused")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_visible()
    page.keyboard.press("c")
    expect(page).to_have_url(re.compile("/ui/compare\\?runs=run_paused$"))
    assert httpx.get(f"{shelf.address}/runs/run_paused").json()["status"] == "paused"


def test_the_baseline_is_the_run_that_the_keys_or_the_pointer_have_come_to(window: Window) -> None:
    page = window.open_to_the_end(COMPARED)
    page.keyboard.press("b")  # of none
    for key in ("j", "j", "j", "k"):
        page.keyboard.press(key)
    expect(page.locator("#runs tr[data-run=run_1] th a")).to_be_focused()
    expect(page.locator("#runs tr[data-run=run_1]")).to_have_class(re.compile("pointed"))
    page.keyboard.press("b")
    expect(page).to_have_url(re.compile("baseline=run_1"))
    expect(page.locator("#runs tr[data-run=run_1] span.ring")).to_have_count(1)
    page.locator("#runs tr[data-run=run_2] th").hover()
    page.keyboard.press("b")
    expect(page).to_have_url(re.compile("baseline=run_2"))
