"""The lecture in a browser: one press starts an experiment, and its verdict comes and stays."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from app.web.lecture import SECTIONS
from tests.web.browser import Window
from tests.web.conftest import Shelf


@pytest.mark.long
def test_the_runs_of_one_press_bring_the_verdict(open_window: Callable[..., Window], address: str) -> None:
    window = open_window(f"http://{address}")
    page = window.open("/ui/learn/descent")
    sign = page.locator("#sign")
    sign.get_by_role("button", name="Run the experiment").click()
    expect(sign.locator(".trials a")).to_have_count(2)
    expect(sign.locator(".verdict")).to_have_text("Shown")
    expect(sign.locator(".seen")).to_contain_text("30 steps with the minus lead to")
    expect(sign.get_by_role("link", name="Compare the curves")).to_have_attribute(
        "href", re.compile(r"^/ui/compare\?runs=run_\w+,run_\w+$")
    )

    russian = open_window(f"http://{address}", locale="ru-RU").open("/ui/learn")
    descent = russian.get_by_role("listitem").filter(has=russian.get_by_role("link", name="Градиентный спуск"))
    expect(descent).to_contain_text(re.compile(r"проверено утверждений: [1-4] из 4"))
    descent.get_by_role("link").click()
    expect(russian.locator("#sign .verdict")).to_have_text("Подтверждено")
    expect(russian.locator("#sign .seen")).to_contain_text("30 шагов с минусом")

    sign.get_by_role("link", name="All runs").click()
    expect(page.locator("#list tbody tr")).to_have_count(2)


@pytest.mark.long
def test_what_was_calculated_is_there_for_the_reader_who_returns(
    open_window: Callable[..., Window], shelf: Shelf
) -> None:
    page = open_window(shelf.address).open("/ui/learn/backpropagation")
    by_hand = page.locator("#backprop_by_hand")
    by_hand.get_by_role("button", name="Calculate it").click()
    expect(by_hand.locator(".verdict")).to_have_text("Shown")
    page.get_by_role("link", name="Learn").first.click()
    chapter = page.get_by_role("listitem").filter(has=page.get_by_role("link", name="Backpropagation"))
    expect(chapter).to_contain_text("1 of 3 claims tested")
    page.go_back()
    expect(by_hand.locator(".verdict")).to_have_text("Shown")
    other = open_window(shelf.address).open("/ui/learn/backpropagation")
    expect(other.locator("#backprop_by_hand .verdict")).to_have_count(0)


@pytest.mark.long
@pytest.mark.parametrize("locale", ["en-GB", "ru-RU"])
def test_the_sections_lead_from_one_to_the_next(open_window: Callable[..., Window], shelf: Shelf, locale: str) -> None:
    page = open_window(shelf.address, locale=locale).open("/ui/learn")
    page.locator(".sections a").first.click()
    for section in SECTIONS:
        expect(page).to_have_url(re.compile(f"/ui/learn/{section.name}$"))
        expect(page.locator(".test")).to_have_count(len(section.experiments))
        expect(page.locator(".lecture math").first).to_be_attached()
        if section is not SECTIONS[-1]:
            page.locator("a[rel=next]").click()
    expect(page.locator("a[rel=next]")).to_have_count(0)
