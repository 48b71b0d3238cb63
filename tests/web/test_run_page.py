"""The page of a run, in a browser: a run is watched while it learns, and explained once it has."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from app.web.translations import TRANSLATIONS
from tests.support.runs import ENDLESS, SMALL
from tests.web.browser import Window

pytestmark = pytest.mark.long

HOSTILE = "<img src=x onerror=alert(1)> & co"


@pytest.fixture(scope="module")
def api(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://{address}", timeout=60) as api:
        yield api


@pytest.fixture
def window(open_window: Callable[..., Window], address: str) -> Window:
    """A window at a service with a worker."""
    return open_window(f"http://{address}")


def start(api: httpx.Client, request: dict[str, Any]) -> str:
    return api.post("/runs", json=request).raise_for_status().json()["id"]


def ended(api: httpx.Client, run: str) -> dict[str, Any]:
    while (answer := api.get(f"/runs/{run}?wait=30").json())["status"] in ("queued", "running"):
        pass
    return answer


@pytest.fixture(scope="module")
def trained(api: httpx.Client) -> str:
    run = start(api, SMALL | {"name": HOSTILE})
    assert ended(api, run)["status"] == "succeeded"
    return run


def chart(page: Page, title: str) -> Any:
    return page.locator("figure.chart", has=page.get_by_role("heading", name=title, exact=True))


def test_a_diagnosis_is_said_in_the_readers_language(
    open_window: Callable[..., Window], address: str, api: httpx.Client
) -> None:
    run = start(api, SMALL | {"optimizer": {"name": "sgd", "lr": 1e-7}, "stop": {"max_epochs": 20}})
    ended(api, run)
    first = api.get(f"/runs/{run}/diagnosis").json()[0]
    finding = open_window(f"http://{address}", locale="ru-RU").open(f"/ui/runs/{run}").locator("#findings li").first
    expect(finding).to_contain_text(TRANSLATIONS["ru"]["findings"][first["code"]])
    expect(finding.locator("[lang=en]")).to_have_text(first["finding"])
    expect(finding).to_contain_text("поставьте optimizer.lr = ")


def test_a_run_is_watched_from_its_start_to_its_end(window: Window, api: httpx.Client) -> None:
    run = start(api, ENDLESS | {"name": "watched"})
    page = window.open(f"/ui/runs/{run}")
    expect(page.locator("#head .status")).to_have_text("Running")
    step = page.locator("[data-figure=step]")
    first = step.inner_text()
    expect(step).not_to_have_text(first)
    expect(chart(page, "Loss")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#head .status")).to_have_text("Paused")
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#head .status")).to_have_text(re.compile("Queued|Running"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#head .status")).to_have_text("Cancelled")


def test_a_cell_of_the_confusion_matrix_opens_its_pictures(window: Window, api: httpx.Client, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    matrix = api.get(f"/runs/{trained}/evaluation").json()["confusion_matrix"]
    [truth, guess] = next((i, j) for i in range(10) for j in range(10) if i != j and matrix[i][j])
    cell = page.get_by_role("button", name=f"{truth} taken for {guess}: {matrix[truth][guess]}")
    cell.click()
    expect(page.locator("#examples-title")).to_have_text(f"{truth} taken for {guess}: {matrix[truth][guess]}")
    expect(page.locator("#examples img")).to_have_count(min(24, matrix[truth][guess]))
    page.reload()
    expect(page.locator("#examples-title")).to_have_text(f"{truth} taken for {guess}: {matrix[truth][guess]}")
    expect(cell).to_have_attribute("aria-pressed", "true")


def test_a_link_has_the_part_whose_mistakes_are_shown(window: Window, api: httpx.Client, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    page.locator("#part").select_option("train")
    expect(page).to_have_url(re.compile("part=train"))
    page.reload()
    sums = api.get(f"/runs/{trained}/evaluation", params={"part": "train"}).json()["confusion_matrix"]
    expect(page.locator('#matrix [data-cell="0-0"]')).to_have_text(str(sums[0][0]))
    page.locator("#part").select_option("test")
    expect(page).not_to_have_url(re.compile("part="))


def test_a_part_that_is_chosen_while_the_page_loads_is_shown(window: Window, api: httpx.Client, trained: str) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    window.page.route(re.compile(r"/run/mistakes\.js$"), hold)
    with window.page.expect_request(re.compile(r"/run/mistakes\.js$")):
        page = window.open(f"/ui/runs/{trained}")
    page.locator("#part").select_option("train")
    for route in held:
        route.continue_()
    expect(page).to_have_url(re.compile("part=train"))
    counts = api.get(f"/runs/{trained}/evaluation", params={"part": "train"}).json()["confusion_matrix"]
    expect(page.locator('#matrix [data-cell="0-0"]')).to_have_text(str(counts[0][0]))


def test_axis_and_scale_are_chosen_and_stay_in_the_link(window: Window, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    page.get_by_label("Along").select_option("epoch")
    page.get_by_label("Scale").select_option("log")
    expect(page).to_have_url(re.compile("axis=epoch.*scale=log"))
    page.reload()
    expect(page.get_by_label("Along")).to_have_value("epoch")
    plot = chart(page, "Loss").locator(".chart-plot")
    plot.focus()
    plot.press("ArrowRight")
    expect(chart(page, "Loss").locator("output")).to_have_text(re.compile(r"^Epoch [\d.]+ · Training"))


def test_the_change_of_a_finding_is_one_press(window: Window, api: httpx.Client) -> None:
    run = start(api, SMALL | {"optimizer": {"name": "sgd", "lr": 300}})
    ended(api, run)
    page = window.open(f"/ui/runs/{run}")
    page.get_by_role("button", name="Try this").first.click()
    page.wait_for_url(lambda url: "/ui/runs/run_" in url and run not in url)
    again = page.url.rpartition("/")[2]
    assert api.get(f"/runs/{again}").json()["request"]["optimizer"]["lr"] < 300
    page.locator("#calls summary").click()
    expect(page.locator("#calls-text")).to_contain_text(f"/runs/{run}/again")


def test_a_chart_and_a_map_are_steered_by_keys(window: Window, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    loss = chart(page, "Loss")
    plot = loss.locator(".chart-plot")
    plot.focus()
    plot.press("ArrowRight")
    expect(loss.locator("output")).to_have_text(re.compile(r"^Step \d+ · Training"))
    plot.press("+")
    expect(page).to_have_url(re.compile(r"from=\d+.*to=\d+"))
    plot.press("-")
    expect(page).not_to_have_url(re.compile("from="))
    plot.press("+")
    plot.press("+")
    plot.press("Escape")
    expect(page).not_to_have_url(re.compile("from="))
    drawn = page.locator(".heatmap", has=page.get_by_role("heading", name="Gradient")).first
    drawn.locator("canvas").focus()
    drawn.locator("canvas").press("ArrowRight")
    expect(drawn.locator("output")).to_have_text(re.compile(r"^Step \d+ · \d+ \w+ "))
    first = drawn.locator("output").inner_text()
    drawn.locator("canvas").press("ArrowDown")
    expect(drawn.locator("output")).not_to_have_text(first)
    expect(page.locator(".heatmap i").last).to_be_visible()


def test_names_are_text(window: Window, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator("#architecture tbody tr")).to_have_count(5)
    page = window.open(f"/ui/compare?runs={trained}")
    expect(page.locator("#runs tbody th")).to_have_text(HOSTILE)


def test_one_crosshair_crosses_all_charts_and_a_drag_zooms_them(window: Window, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    loss, accuracy = chart(page, "Loss"), chart(page, "Accuracy")
    plot = loss.locator(".u-over")
    box = plot.bounding_box()
    assert box
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    for each in (loss, accuracy):
        expect(each.locator("output")).to_have_text(re.compile(r"^Step \d+ · Training"))
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], middle, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=\d+.*to=\d+"))
    zoomed = page.url
    picture = "() => [...document.querySelectorAll('.chart-plot > div canvas')].map((c) => c.toDataURL())"
    page.mouse.move(0, 0)
    expect(loss.locator("output")).to_have_text("")
    before = page.evaluate(picture)
    page.reload()
    expect(accuracy).to_be_visible()
    page.wait_for_function(f"before => JSON.stringify(({picture})()) === JSON.stringify(before)", arg=before)
    page.mouse.dblclick(box["x"] + 50, middle)
    expect(page).not_to_have_url(re.compile("from="))
    page.go_back()
    expect(page).to_have_url(zoomed)


def test_a_wrong_change_is_named_and_a_right_one_starts_a_run(window: Window, api: httpx.Client, trained: str) -> None:
    window.refused = (422,)
    page = window.open(f"/ui/runs/{trained}")
    page.get_by_role("button", name="Run again").click()
    page.get_by_label("Learning rate").fill("-1")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_label("Learning rate")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Learning rate").fill("0.01")
    page.get_by_role("button", name="Start").click()
    expect(page).not_to_have_url(re.compile(trained))
    again = page.url.rpartition("/")[2].partition("?")[0]
    assert api.get(f"/runs/{again}").json()["request"]["optimizer"]["lr"] == 0.01
    page.locator("#calls summary").click()
    text = page.locator("#calls-text")
    expect(text).to_contain_text(f"/runs/{trained}/again")
    page.get_by_role("tab", name="Command line").click()
    expect(text).to_have_text(f"antigrad again {trained} --set optimizer.lr=0.01")
    page.reload()
    page.locator("#calls summary").click()
    expect(text).to_contain_text(f"/runs/{again}")
    expect(text).not_to_contain_text("again")


def test_the_confusion_matrix_is_printed_with_its_numbers(window: Window, trained: str) -> None:
    page = window.open(f"/ui/runs/{trained}")
    numbers = page.locator("#matrix td button")
    expect(numbers.first).to_be_visible()
    page.emulate_media(media="print")
    expect(numbers.first).to_be_visible()
    expect(page.get_by_role("button", name="Copy", exact=True)).to_have_count(0)
