"""Models in a browser: a run gets a name, and what a form does not change stays as it is."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Response, expect

from tests.support.served import insert_network
from tests.web.browser import Window
from tests.web.conftest import Shelf

pytestmark = pytest.mark.long


@pytest.fixture(scope="module", autouse=True)
def runs(shelf: Shelf) -> None:
    for seed, run in enumerate(("run_0", "run_1", "run_2")):
        insert_network(shelf.database, shelf.files, run, seed=seed)


@pytest.fixture(scope="module")
def api(shelf: Shelf) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shelf.address, timeout=60) as api:
        yield api


def point(api: httpx.Client, name: str, **body: Any) -> None:
    api.put(f"/models/{name}", json=body).raise_for_status()


def settings(api: httpx.Client, name: str) -> tuple[Any, ...]:
    model = api.get(f"/models/{name}").json()
    return model["runs"], model.get("shadow"), model.get("log")


def is_put(answer: Response) -> bool:
    return answer.request.method == "PUT"


@pytest.mark.parametrize(
    "body",
    [
        {"run": "run_0"},
        {"run": "run_0", "log": 0.5, "shadow": {"run": "run_1", "share": 0.2}},
        {"runs": {"run_0": 0.9, "run_1": 0.1}, "log": 0.125, "shadow": {"run": "run_2", "share": 1}},
    ],
    ids=["one run", "log and shadow", "shares"],
)
def test_what_is_applied_unchanged_changes_nothing(window: Window, api: httpx.Client, body: dict[str, Any]) -> None:
    point(api, "same", **body)
    before = settings(api, "same")
    page = window.open("/ui/models/same")
    with page.expect_navigation(), page.expect_response(is_put) as answer:  # the page reloads
        page.get_by_role("button", name="Apply").click()
    assert answer.value.ok
    assert settings(api, "same") == before


def test_the_share_of_the_shadow_and_of_the_log_are_changed(window: Window, api: httpx.Client) -> None:
    point(api, "shares", run="run_0", log=0.5, shadow={"run": "run_1", "share": 0.2})
    page = window.open("/ui/models/shares")
    page.get_by_label("Share of the shadow").fill("0.75")
    page.get_by_label("Logged").fill("")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".title")).to_contain_text("Version 2")
    assert settings(api, "shares") == ({"run_0": 1.0}, {"run": "run_1", "share": 0.75}, None)


def test_a_shadow_is_given_by_the_form(window: Window, api: httpx.Client) -> None:
    point(api, "bare", run="run_0")
    page = window.open("/ui/models/bare")
    page.get_by_label("Run in the shadow").fill("run_2")
    page.get_by_label("Share of the shadow").fill("0.5")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".title")).to_contain_text("Version 2")
    assert settings(api, "bare") == ({"run_0": 1.0}, {"run": "run_2", "share": 0.5}, None)


def test_a_run_gets_a_new_name(window: Window, api: httpx.Client) -> None:
    page = window.open("/ui/runs/run_2")
    page.get_by_role("button", name="Promote as …").click()
    page.get_by_label("Name of the model").fill("fresh")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page).to_have_url(re.compile("/ui/models/fresh$"))
    expect(page.locator(".title")).to_contain_text("Version 1")
    assert settings(api, "fresh") == ({"run_2": 1.0}, None, None)


def test_a_name_that_exists_is_suggested_and_keeps_its_shadow_and_log(window: Window, api: httpx.Client) -> None:
    point(api, "kept", run="run_0", log=0.5, shadow={"run": "run_1", "share": 0.2})
    page = window.open("/ui/runs/run_2")
    page.get_by_role("button", name="Promote as …").click()
    assert "kept" in page.locator("#promote-names option").evaluate_all("options => options.map(({ value }) => value)")
    page.get_by_label("Name of the model").fill("kept")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator(".title")).to_contain_text("Version 2")
    assert settings(api, "kept") == ({"run_2": 1.0}, {"run": "run_1", "share": 0.2}, 0.5)


def test_a_name_that_is_refused_is_said_so_at_the_form(window: Window) -> None:
    window.refused = (422,)
    page = window.open("/ui/runs/run_2")
    page.get_by_role("button", name="Promote as …").click()
    page.get_by_label("Name of the model").fill("run_like")
    page.get_by_role("button", name="Promote", exact=True).click()
    expect(page.locator("#promote-problem")).to_contain_text("run_")
    expect(page.get_by_label("Name of the model")).to_have_attribute("aria-invalid", "true")
