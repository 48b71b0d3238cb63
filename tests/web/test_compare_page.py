"""Comparing runs in a browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from app.storage import curves, sweeps
from tests.support.rows import insert_run
from tests.web.browser import Window
from tests.web.conftest import Shelf

pytestmark = pytest.mark.long

REQUEST: dict[str, Any] = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 10}]},
    "batch_size": 32,
    "seed": 0,
    "stop": {"max_epochs": 3},
}
STEPS = list(range(1, 101))


@pytest.fixture(scope="module", autouse=True)
def runs(shelf: Shelf) -> None:
    """Three runs that differ in the learning rate; the second is better, and the third has diverged."""
    with shelf.database.write() as db:
        for number, (rate, loss) in enumerate(((0.001, 0.5), (0.01, 0.25), (10.0, "NaN"))):
            request = REQUEST | {"optimizer": {"name": "sgd", "lr": rate}}
            metrics = {"validation": {"loss": loss, "accuracy": 0.5 + number / 10}}
            insert_run(
                db, f"run_{number}", name=f"rate {rate}", request=request, metrics=metrics, progress={"step": 100}
            )
            curves.append(db, f"run_{number}", {"train.loss": (STEPS, [2 + number / step for step in STEPS])})


def row(page: Page, run: str) -> Locator:
    return page.locator(f'#runs tr[data-run="{run}"]')


def test_only_what_differs_is_listed_and_any_run_may_be_the_baseline(window: Window) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    heads = page.locator("#runs thead th").all_text_contents()
    assert heads[1] == "optimizer.lr" and "seed" not in heads
    expect(row(page, "run_1")).to_contain_text("−0.25")
    expect(row(page, "run_1").locator(".better")).to_have_count(2)
    expect(row(page, "run_2")).to_contain_text("NaN")
    row(page, "run_1").get_by_role("link", name="Compare with this").click()
    expect(page).to_have_url(re.compile("baseline=run_1"))
    expect(row(page, "run_0")).to_contain_text("+0.25")
    expect(row(page, "run_0").locator(".worse")).to_have_count(2)


def test_pinned_runs_stay_below_the_baseline_on_top(window: Window) -> None:
    def order() -> list[str | None]:
        rows = page.locator("#runs tbody tr")
        return [rows.nth(i).get_attribute("data-run") for i in range(rows.count())]

    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    row(page, "run_2").get_by_role("link", name="Pin to the top").click()
    expect(page).to_have_url(re.compile("pinned=run_2"))
    assert order() == ["run_0", "run_2", "run_1"]
    row(page, "run_1").get_by_role("link", name="Compare with this").click()
    expect(page).to_have_url(re.compile("baseline=run_1"))
    assert order() == ["run_1", "run_2", "run_0"]
    row(page, "run_2").get_by_role("link", name="Unpin").click()
    expect(page).not_to_have_url(re.compile("pinned"))
    assert order() == ["run_1", "run_0", "run_2"]


def test_the_run_that_is_pointed_at_is_emphasised_everywhere(window: Window) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    expect(page.locator("figure.chart")).to_have_count(1)
    row(page, "run_1").hover()
    for plot in ("#scatter", "#parallel"):
        expect(page.locator(f'{plot} [data-run="run_1"]')).to_have_class(re.compile("pointed"))
    page.mouse.move(0, 0)
    page.locator('#scatter [data-run="run_2"]').hover()
    expect(row(page, "run_2")).to_have_class(re.compile("pointed"))
    expect(row(page, "run_1")).not_to_have_class(re.compile("pointed"))


def test_a_brush_leads_to_the_runs_within(window: Window) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    page.locator("#parallel").scroll_into_view_if_needed()
    grip = page.locator("#parallel .grip").first.bounding_box()
    assert grip
    x = grip["x"] + grip["width"] / 2
    page.mouse.move(x, grip["y"] + grip["height"] - 2)
    page.mouse.down()
    page.mouse.move(x, grip["y"] + grip["height"] * 0.4, steps=4)
    page.mouse.up()
    page.get_by_role("link", name="Compare the runs within").click()
    expect(page.locator("#runs tbody tr")).to_have_count(2)
    assert {"run_0", "run_1"} == {page.locator("#runs tbody tr").nth(i).get_attribute("data-run") for i in range(2)}


def test_a_brush_leads_to_a_sweep_between_the_runs_within(window: Window, shelf: Shelf) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    page.get_by_role("slider", name="optimizer.lr, at most").press("ArrowDown")
    page.get_by_role("link", name="New sweep from these runs").click()
    expect(page).to_have_url(re.compile(r"/ui/sweeps/new\?runs=run_0,run_1$"))
    row = page.get_by_role("group", name="optimizer.lr")
    expect(row.get_by_label("from")).to_have_value("0.001")
    expect(row.get_by_label("to", exact=True)).to_have_value("0.01")
    expect(row.get_by_role("checkbox")).not_to_be_checked()
    row.get_by_role("checkbox").check()
    page.get_by_label("Sampler").select_option("tpe")
    page.get_by_label("Trials").fill("7")
    page.get_by_label("What is best").select_option("validation.loss")
    page.get_by_label("Name").fill("between the two")
    page.locator("#calls summary").click()
    expect(page.locator("#calls-text")).to_contain_text('"tpe":{"optimizer.lr":{"low":0.001,"high":0.01,"log":true}}')
    page.get_by_role("tab", name="Command line").click()
    expect(page.locator("#calls-text")).to_contain_text("antigrad sweep sweep.json")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page).to_have_url(re.compile("/ui/sweeps/swp_"))
    expect(page.get_by_role("heading", level=1)).to_have_text("between the two")
    with shelf.database.read() as db:
        request = sweeps.get(db, page.url.rpartition("/")[2]).request
    assert request["base"]["optimizer"]["name"] == "sgd" and request["trials"] == 7
    assert request["metric"] == "validation.loss"


def test_what_is_wrong_with_a_sweep_is_said_at_its_field(window: Window) -> None:
    window.refused = (422,)
    page = window.open("/ui/sweeps/new?runs=run_0,run_2")
    row = page.get_by_role("group", name="optimizer.lr")
    row.get_by_label("to", exact=True).fill("0.0001")
    page.get_by_label("Trials").fill("")
    page.get_by_role("button", name="Start the sweep").click()
    expect(row.get_by_role("alert")).to_have_text("high must be above low")
    expect(row.get_by_label("to", exact=True)).to_be_focused()
    row.get_by_label("to", exact=True).fill("1")
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.locator('[data-problem="trials"]')).not_to_be_empty()


def test_a_comparison_is_shown_as_code(window: Window) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1")
    page.locator("#calls summary").click()
    text = page.locator("#calls-text")
    expect(text).to_contain_text("/runs/{run_0,run_1}/curve'")
    page.get_by_role("tab", name="Command line").click()
    expect(text).to_have_text("antigrad report run_0 run_1")
    page.get_by_role("tab", name="Python").click()
    expect(text).to_contain_text('for run in ["run_0", "run_1"]:')
    expect(text).to_contain_text('/runs/{run}/curve")')


def test_a_brush_is_moved_by_keys_from_one_run_to_the_next(window: Window) -> None:
    page = window.open("/ui/compare?runs=run_0,run_1,run_2")
    most = page.get_by_role("slider", name="optimizer.lr, at most")
    most.press("ArrowDown")
    expect(most).to_have_attribute("aria-valuetext", "0.01")
    expect(page.locator('#parallel .line[data-run="run_2"]')).to_have_class(re.compile("out"))
    link = page.get_by_role("link", name="Compare the runs within")
    expect(link).to_have_attribute("href", re.compile("runs=run_0,run_1$"))
    most.press("ArrowDown")
    expect(link).to_have_attribute("href", re.compile("runs=run_0$"))
    expect(page).to_have_url(re.compile("within=0-0"))
    page.reload()
    expect(link).to_have_attribute("href", re.compile("runs=run_0$"))
    expect(page.locator('#parallel .line[data-run="run_1"]')).to_have_class(re.compile("out"))
    most.press("Escape")
    expect(link).to_be_hidden()
    expect(page).not_to_have_url(re.compile("within="))


def test_nothing_to_compare_leads_to_the_runs(window: Window) -> None:
    page = window.open("/ui/compare")
    page.get_by_role("main").get_by_role("link", name="To the runs").click()
    expect(page).to_have_url(re.compile("/ui/runs$"))
