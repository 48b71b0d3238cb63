"""The pages of sweeps in a browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from app.storage import sweeps
from app.storage.tables import Run, Sweep
from tests.support.rows import insert_run, owned_sweep
from tests.web.browser import Window
from tests.web.conftest import Shelf

pytestmark = pytest.mark.long

RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 1.0, 3.0]
REQUEST: dict[str, Any] = {
    "base": {"dataset": "digits"},
    "grid": {"optimizer.lr": RATES},
    "seeds": [0, 1],
    "metric": "validation.accuracy",
    "trials": len(RATES),
    **dict.fromkeys(("parallel", "deadline", "halving", "known", "name")),
}


@pytest.fixture(scope="module")
def sweep(shelf: Shelf) -> str:
    """A sweep of learning rates, of which 0.01 is best and 3.0 has diverged with one seed."""
    with shelf.database.write() as db:
        id = owned_sweep(db).id
        values = {"name": "learning rates", "request": REQUEST, "status": "succeeded", "chosen": "run_rate_2_1"}
        db.execute(update(Sweep).where(Sweep.id == id).values(**values))
        for number, rate in enumerate(RATES):
            sweeps.add_trial(db, id, number, {"optimizer.lr": rate}, None)
            for seed in (0, 1):
                run = f"run_rate_{number}_{seed}"
                lost = rate == 3.0 and seed == 1
                metrics = {"validation": {"accuracy": 0.9 - 0.1 * abs(number - 2) + 0.004 * seed}}
                insert_run(db, run, "failed" if lost else "succeeded", metrics=metrics, progress={"step": 100})
                sweeps.add_run(db, id, number, seed, run, rung=0)
        test = {"validation": {"accuracy": 0.904}, "test": {"accuracy": 0.88}}
        db.execute(update(Run).where(Run.id == "run_rate_2_1").values(metrics=test))
    return id


def test_the_list_leads_to_a_sweep(window: Window, sweep: str) -> None:
    page = window.open("/ui/sweeps")
    row = page.locator(f"#{sweep}")
    expect(row).to_contain_text("9/9")
    row.get_by_role("link", name="learning rates").click()
    expect(page).to_have_url(re.compile(f"/ui/sweeps/{sweep}"))
    expect(page.get_by_role("heading", level=1)).to_have_text("learning rates")


def test_the_ranking_shows_mean_spread_and_doubt(window: Window, sweep: str) -> None:
    page = window.open(f"/ui/sweeps/{sweep}")
    rows = page.locator("#trials tbody tr")
    expect(rows).to_have_count(9)
    expect(rows.first).to_have_id("trial-2")
    expect(rows.first).to_contain_text("90.2")
    expect(rows.first.locator(".top-group")).to_have_count(1)
    expect(rows.first.locator(".seeds circle")).to_have_count(2)
    expect(rows.first.locator(".seeds rect")).to_have_count(1)
    expect(rows.last).to_have_id("trial-8")
    expect(rows.last.locator(".bad")).to_have_text("failed")
    expect(page.locator(".facts")).to_contain_text("88.0")
    expect(page.get_by_role("link", name="Compare the top group")).to_have_attribute("href", re.compile("run_rate_2_0"))


def test_a_brush_keeps_the_trials_within(window: Window, sweep: str) -> None:
    page = window.open(f"/ui/sweeps/{sweep}")
    grip = page.locator("#parallel .grip").first
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    assert box
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] - 2)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * 0.6, steps=4)
    page.mouse.up()
    expect(page.locator("#trial-2")).not_to_have_class(re.compile("out"))
    expect(page.locator("#trial-6")).to_have_class(re.compile("out"))


def test_the_importance_is_drawn_and_said(window: Window, sweep: str) -> None:
    page = window.open(f"/ui/sweeps/{sweep}")
    expect(page.locator("#importance-text")).to_contain_text("optimizer.lr matters most")
    expect(page.locator("#importance .share")).to_have_count(1)
    expect(page.locator("#importance .interval")).to_have_count(1)


def test_the_importance_is_said_in_the_readers_language(
    open_window: Callable[..., Window], shelf: Shelf, sweep: str
) -> None:
    page = open_window(shelf.address, locale="ru-RU").open(f"/ui/sweeps/{sweep}")
    expect(page.locator("#importance-text")).to_contain_text("важнее всего optimizer.lr: этим объясняется ")
