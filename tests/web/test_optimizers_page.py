"""The race of optimizers on a surface, in a browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from app.learning.optimizers import OPTIMIZERS
from tests.web.browser import Window
from tests.web.conftest import Shelf

WALKS = "#surface .walk"


def shown(page: Page) -> list[str]:
    """Elements of the picture: the contours, and each walk with its colour."""
    expect(page.locator(WALKS).first).to_be_attached()
    parts: list[str] = page.locator("#surface path, #surface polyline").evaluate_all(
        "all => all.map(each => [each.className.baseVal, each.getAttribute('d') || each.getAttribute('points')].join())"
    )
    return parts


@pytest.mark.long
def test_every_optimizer_runs_in_its_own_colour(window: Window) -> None:
    page = window.open("/ui/optimizers")
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    colours = page.locator(WALKS).evaluate_all("all => all.map(each => getComputedStyle(each).stroke)")
    assert len(set(colours)) == len(OPTIMIZERS)
    expect(page.locator("#surface .region")).to_have_count(14)
    expect(page.locator("#values polyline")).to_have_count(len(OPTIMIZERS))


@pytest.mark.long
def test_the_start_is_dragged_and_the_address_keeps_it(open_window: Callable[..., Window], shelf: Shelf) -> None:
    page = open_window(shelf.address).open("/ui/optimizers#surface=himmelblau")
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    grip = page.locator(".start-grip").bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(grip["x"] + 150, grip["y"] + 100, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"start=[\d.]+,-[\d.]+"))
    x, y = (float(part) for part in page.url.partition("start=")[2].split("&")[0].split(","))
    expect(page.locator("[name=x]")).to_have_value(f"{x:g}")
    page.wait_for_function(
        "([x, y]) => document.querySelector('#surface .walk').getAttribute('points').startsWith(`${x},${-y} `)",
        arg=[x, y],
    )
    before = shown(page)
    other = open_window(shelf.address).open(page.url.removeprefix(shelf.address))
    expect(other.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    assert shown(other) == before


@pytest.mark.long
def test_a_rate_that_is_too_large_diverges_and_the_page_says_so(window: Window) -> None:
    page = window.open("/ui/optimizers#surface=quadratic&steps=500")
    rate = page.get_by_label("Learning rate of SGD")
    outcome = page.locator("[data-optimizer=sgd] .outcome")
    expect(outcome).to_contain_text("f =")
    rate.fill("1")
    expect(outcome).to_have_text(re.compile(r"diverged at \d+"))
    expect(page).to_have_url(re.compile("sgd=10"))


@pytest.mark.long
def test_an_optimizer_is_left_out_and_steps_are_taken_one_by_one(window: Window) -> None:
    page = window.open("/ui/optimizers#at=10")
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    points = "document.querySelector('#surface .walk').getAttribute('points').split(' ').length"
    assert page.evaluate(points) == 11
    page.get_by_role("button", name="One step on").click()
    assert page.evaluate(points) == 12
    page.get_by_label("Adam", exact=True).uncheck()
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS) - 1)
    expect(page).to_have_url(re.compile("at=11&without=adam$"))


@pytest.mark.long
def test_the_lecture_has_other_formulas_and_other_paths(window: Window) -> None:
    page = window.open("/ui/optimizers#without=sgd,adagrad,rmsprop,adam,adamw")
    expect(page.locator(WALKS)).to_have_count(1)
    before = shown(page)
    page.get_by_label("Formulas").select_option("lecture")
    expect(page).to_have_url(re.compile("form=lecture"))
    expect(page.locator("[data-optimizer=momentum] [data-form=lecture]")).to_be_visible()
    expect(page.locator("[data-optimizer=adamw] [data-form=torch]")).to_be_attached()
    page.get_by_label("Noise").fill("2")
    page.wait_for_function(
        "old => document.querySelector('#surface .walk').getAttribute('points') !== old", arg=before[-4]
    )


@pytest.mark.long
def test_nothing_moves_for_those_who_want_it_still(open_window: Callable[..., Window], shelf: Shelf) -> None:
    page = open_window(shelf.address, reduced_motion="reduce").open("/ui/optimizers")
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    expect(page.get_by_role("button", name="Play or pause")).to_be_hidden()
    expect(page.get_by_role("button", name="One step on")).to_be_visible()


@pytest.mark.long
def test_playing_ends_at_the_last_step(window: Window) -> None:
    page = window.open("/ui/optimizers#at=190")
    expect(page.locator(WALKS)).to_have_count(len(OPTIMIZERS))
    page.get_by_role("button", name="Play or pause").click()
    expect(page.locator("#at-text")).to_have_text("200 of 200")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false")
