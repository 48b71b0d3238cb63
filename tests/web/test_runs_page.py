"""The list of runs in a real browser."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import delete, select, update

from app.storage import curves
from app.storage.database import database_now
from app.storage.tables import Run
from tests.support.rows import insert_run
from tests.web.browser import Window
from tests.web.conftest import Shelf

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture(autouse=True)
def runs(shelf: Shelf) -> Iterator[None]:
    """Five runs: three that succeeded, one that failed, one that waits."""
    with shelf.database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        for number in range(3):
            request = {"optimizer": {"name": "adam", "lr": 10.0**-number}, "batch_size": 128, "seed": number}
            name = ("wide", "deep", HOSTILE)[number]
            progress = {"seconds": 60.0 * number + 3.2, "epoch": 20, "step": 2000}
            insert_run(db, f"run_{number}", name=name, request=request, progress=progress, created_at=now - 3600)
            steps = list(range(1, 200))
            curves.append(db, f"run_{number}", {"train.loss": (steps, [2 / step**0.5 for step in steps])})
            curves.append(db, f"run_{number}", {"validation.accuracy": ([100, 199], [0.913, 0.907])})
        insert_run(db, "run_3", "failed", name="broken", created_at=now - 60, request={})
        insert_run(db, "run_4", "queued", name="waiting", created_at=now, request={})
    yield
    with shelf.database.write() as db:
        db.execute(delete(Run))


def names(page: Page) -> list[str]:
    return page.locator("#list tbody .name a").all_text_contents()


def test_the_best_accuracy_is_shown_and_not_the_last(window: Window) -> None:
    page = window.open("/ui/runs")
    expect(page.locator("#run_0")).to_contain_text("91.3")
    expect(page.locator("#run_1")).to_contain_text("1 min 3 s")
    expect(page.locator("#run_0 .sparkline polyline")).to_have_count(1)
    assert names(page) == ["waiting", "broken", HOSTILE, "deep", "wide"]


@pytest.mark.long
def test_the_filter_stands_in_the_address_and_comes_back_with_it(window: Window) -> None:
    page = window.open("/ui/runs")
    page.keyboard.press("/")
    page.keyboard.type("status:succeeded lr>0.01 /^w|^d/")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"q=status%3Asucceeded"))
    page.reload()
    assert names(page) == ["deep", "wide"] and page.locator("#q").input_value().startswith("status:succeeded")
    page.locator("#q").fill("stauts:failed")
    expect(page.locator("#filter-problem")).to_contain_text("did you mean status?")
    page.locator("#q").fill("nothing")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator("#list tbody tr")).to_have_count(5)


@pytest.mark.long
def test_columns_and_order_are_links(window: Window) -> None:
    page = window.open("/ui/runs")
    page.locator("summary", has_text="Columns").click()
    page.get_by_label("Learning rate").check()
    expect(page.get_by_role("columnheader", name="Learning rate")).to_be_visible()
    page.get_by_role("link", name="Name").click()
    expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "ascending")
    assert names(page)[1:3] == ["broken", "deep"]
    expect(page.get_by_role("columnheader", name="Learning rate")).to_be_visible()


@pytest.mark.long
def test_runs_are_grouped_with_every_trace(window: Window) -> None:
    page = window.open("/ui/runs?q=-wait")
    page.locator("#group").select_option("optimizer")
    rows = page.locator(".groups tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("adam")
    expect(rows.first.locator("polyline")).to_have_count(3)
    expect(rows.first).to_contain_text("91.3")
    rows.first.get_by_role("link", name="adam").click()
    expect(page.locator("#list tbody .name a")).to_have_count(3)
    expect(page.locator("#q")).to_have_value("-wait optimizer:adam")


@pytest.mark.long
def test_what_is_done_with_picked_runs_can_be_undone_for_a_while(window: Window) -> None:
    page = window.open("/ui/runs")
    page.clock.install()
    page.locator("#run_3 .pick input").check()
    page.locator("#run_4 .pick input").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#notices")).to_contain_text("2 runs will be deleted.")
    page.get_by_role("button", name="Undo").click()
    page.clock.run_for(20_000)
    assert len(names(page)) == 5
    page.locator("#run_3 .pick input").check()
    page.get_by_role("button", name="Delete").click()
    page.clock.run_for(11_000)
    expect(page.locator("#list tbody tr")).to_have_count(4)
    page.get_by_text("As code").click()
    expect(page.locator("#calls-text")).to_contain_text("curl \\\n  -X DELETE")
    page.get_by_role("tab", name="Command line").click()
    expect(page.locator("#calls-text")).to_have_text("antigrad delete run_3")
    page.get_by_role("tab", name="Python").click()
    expect(page.locator("#calls-text")).to_contain_text('params={"q": "id:run_3"}')


@pytest.mark.long
def test_who_leaves_the_page_means_it(window: Window, shelf: Shelf) -> None:
    page = window.open("/ui/runs")
    page.locator("#run_4 .pick input").check()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.goto("about:blank")
    deadline = time.monotonic() + 30
    status = "queued"
    while status == "queued" and time.monotonic() < deadline:
        with suppress(Exception), shelf.database.read() as db:
            status = db.execute(select(Run.status).where(Run.id == "run_4")).scalar_one()
    assert status == "cancelled"


@pytest.mark.long
def test_runs_are_tagged_together(window: Window) -> None:
    page = window.open("/ui/runs?columns=tags")
    page.clock.install()
    page.locator("#pick-all").check()
    expect(page.locator("#selection .count")).to_have_text("5 runs")
    page.get_by_label("A tag, as key:value").fill("course:ml")
    page.get_by_role("button", name="Tag").click()
    page.clock.run_for(11_000)
    expect(page.locator("#list .tag")).to_have_text(["course: ml"] * 5)


@pytest.mark.long
def test_keys_move_pick_and_explain_themselves(window: Window) -> None:
    page = window.open("/ui/runs")
    for key in ("j", "j", "x", "j", "x", "k"):
        page.keyboard.press(key)
    expect(page.locator("#run_3")).to_have_class(re.compile("picked"))
    expect(page.locator("#run_3")).to_have_class(re.compile("current"))
    expect(page.locator("#selection .count")).to_have_text("2 runs")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("Next run")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    page.keyboard.press("/")
    page.keyboard.type("jkx")
    expect(page.locator("#q")).to_have_value("jkx")


@pytest.mark.long
@pytest.mark.parametrize("query", ["", "?q=status:running,succeeded,failed&columns=best,losses,epoch"])
def test_the_list_follows_what_happens_and_asks_only_where_a_run_begins_or_ends(
    window: Window, shelf: Shelf, query: str
) -> None:
    with shelf.database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        insert_run(db, "run_5", "running", name="learning", worker="w", lease_expires_at=now + 600, request={})
    asked: list[str] = []
    window.page.on("request", lambda request: asked.append(request.url) if "/ui/runs" in request.url else None)
    page = window.open(f"/ui/runs{query}")
    row = page.locator("#run_5")
    page.locator("#run_3 .pick input").check()
    for epoch, loss, accuracy in ((1, 2.0, 0.5), (2, 1.0, 0.75), (3, 0.5, 0.625)):
        progress = {"step": 10 * epoch, "epoch": epoch, "seconds": 60.0 * epoch, "fraction": epoch / 4}
        metrics = {"train": {"loss": loss}, "validation": {"accuracy": accuracy}}
        with shelf.database.write() as db:
            curves.append(db, "run_5", {"train.loss": ([10 * epoch], [loss])})
            db.execute(update(Run).where(Run.id == "run_5").values(progress=progress, metrics=metrics))
        expect(row.locator("progress")).to_have_js_property("value", epoch / 4)
    expect(row.locator("data")).to_have_text("75.0\u202f%")  # the best, not the last
    points = row.locator(".sparkline polyline").get_attribute("points")
    assert points is not None and len(points.split()) == 3
    assert len(asked) == 1  # the page itself
    with shelf.database.write() as db:
        db.execute(update(Run).where(Run.id == "run_5").values(status="succeeded", name="finished"))
    expect(row).to_contain_text("finished")
    expect(page.locator("#run_3 .pick input")).to_be_checked()
    assert len(asked) == 2


@pytest.mark.long
def test_theme_and_language_stay_as_they_are_chosen(open_window: Callable[..., Window], shelf: Shelf) -> None:
    window = open_window(shelf.address, color_scheme="light", locale="ru-RU")
    page = window.open("/ui/runs")
    expect(page.locator("h1")).to_have_text("Запуски")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Светлая или тёмная тема").click()
    assert page.evaluate(paper) != light
    page.get_by_role("button", name="EN").click()
    expect(page.locator("h1")).to_have_text("Runs")
    assert page.evaluate(paper) != light


@pytest.mark.long
def test_a_service_that_is_away_leaves_the_page_and_says_so(window: Window) -> None:
    page = window.open("/ui/runs")
    page.route("**/ui/runs?*", lambda route: route.fulfill(status=500, json={"detail": "it broke"}))
    window.refused = (500,)
    page.locator("#q").fill("letters")
    expect(page.locator("#notices")).to_contain_text("it broke")
    assert len(names(page)) == 5
