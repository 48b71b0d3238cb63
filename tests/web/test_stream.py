"""One stream of events for all tabs of a browser: no point is missed and none repeated, whatever happens to it."""

import csv
import io
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect

from tests.support.commands import CLI, until_ready
from tests.support.fork_server import Forked, fork_server
from tests.support.keys import bearer
from tests.support.processes import free_port
from tests.support.services import KEY
from tests.support.site import Answer, serving
from tests.web.browser import Window

pytestmark = pytest.mark.long

# Some dozens of steps a second: each of them is still a point of the chart when the test ends.
SLOW = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 1500}, {"type": "relu"}, {"type": "linear", "units": 1500}]},
    "batch_size": "full",
    "stop": {"max_epochs": 10**6},
    "device": "cpu",
}


@pytest.fixture
def run(address: str) -> Iterator[str]:
    answer = httpx.post(f"http://{address}/runs", json=SLOW)
    yield answer.raise_for_status().json()["id"]


@pytest.fixture
def window(open_window: Callable[..., Window], address: str) -> Window:
    """A window at a service with a worker."""
    return open_window(f"http://{address}")


def steps_of_chart(page: Page) -> list[int]:
    """The steps of the training loss that the page's chart has, from the table that it makes of them."""
    chart = page.locator("figure.chart").first
    chart.hover()
    with page.expect_download() as download:
        chart.get_by_role("button", name="CSV").click()
    rows = csv.DictReader(io.StringIO(Path(download.value.path()).read_text()))
    return [int(row["step"]) for row in rows if row["series"] == "Training"]


def steps_recorded(address: str, run: str) -> list[int]:
    answer = httpx.get(f"http://{address}/runs/{run}/curve", params={"series": "train.loss", "points": 10**6}).json()
    steps: list[int] = answer["series"]["train.loss"]["step"]
    return steps


def is_learning(page: Page | FrameLocator) -> None:
    """Wait until the page shows another step."""
    step = page.locator("[data-figure=step]")
    expect(step).not_to_have_text(step.inner_text())


def pause(page: Page) -> None:
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#head .status")).to_have_text("Paused")


def test_tabs_share_a_stream_that_outlives_the_tab_that_reads_it(window: Window, address: str, run: str) -> None:
    context: BrowserContext = window.page.context
    streams: list[Any] = []
    context.on("request", lambda request: streams.append(request) if "/events?" in request.url else None)
    window.open(f"/ui/runs/{run}")
    is_learning(window.page)
    others = [context.new_page() for _ in range(9)]
    for page in others:
        page.goto(f"http://{address}/ui/runs/{run}")
        is_learning(page)
    assert len(streams) == 1
    window.page.close()
    for page in others:
        is_learning(page)
    assert len(streams) == 2
    pause(others[0])
    recorded = steps_recorded(address, run)
    assert recorded == list(range(1, len(recorded) + 1))
    for page in others:
        expect(page.locator("#head .status")).to_have_text("Paused")
        assert steps_of_chart(page) == recorded


@contextmanager
def served(home: Path, port: int, **settings: str) -> Iterator[Forked]:
    """A service on a port; it is killed at the end, as in a crash."""
    service = fork_server().start(CLI, "serve", "--port", str(port), ANTIGRAD_HOME=str(home), **settings)
    try:
        until_ready(service, f"http://127.0.0.1:{port}")
        yield service
    finally:
        service.send_signal(signal.SIGKILL)
        service.wait(30)


def test_a_service_that_is_restarted_leaves_no_gap(open_window: Callable[..., Window], tmp_path: Path) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    window = open_window(f"http://{address}")
    with served(tmp_path, port):
        run = httpx.post(f"http://{address}/runs", json=SLOW).json()["id"]
        page = window.open(f"/ui/runs/{run}")
        is_learning(page)
    with served(tmp_path, port):
        is_learning(page)
        pause(page)
        assert steps_of_chart(page) == steps_recorded(address, run)


@pytest.mark.parametrize("by_link", [False, True])
def test_a_page_in_a_frame_of_another_site_is_live(
    open_window: Callable[..., Window], tmp_path: Path, by_link: bool
) -> None:
    """A frame gets no cookies of the service, and browsers may refuse it locks."""
    port = free_port()
    with serving() as site:
        notebook = site.address.replace("127.0.0.1", "localhost")
        settings = {"ANTIGRAD_ORIGINS": notebook} | ({"ANTIGRAD_API_KEY": KEY} if by_link else {})
        with served(tmp_path, port, **settings):
            window = open_window(f"http://127.0.0.1:{port}")
            window.elsewhere = (notebook,)
            headers = bearer(KEY) if by_link else {}
            run = httpx.post(f"{window.address}/runs", json=SLOW, headers=headers).json()["id"]
            path = f"/ui/runs/{run}"
            if by_link:
                path = httpx.post(f"{window.address}/runs/{run}/share", headers=headers).json()["page"]
            frame = (
                f'<!doctype html><link rel="icon" href="data:,"><iframe src="{window.address}{path}?embed=1"></iframe>'
            )
            site.answers.append(Answer(frame.encode(), headers={"Content-Type": "text/html"}))
            window.page.goto(notebook)
            is_learning(window.page.frame_locator("iframe"))


def test_a_page_by_a_link_is_live_and_leads_nowhere_else(
    open_window: Callable[..., Window], address: str, run: str
) -> None:
    share = httpx.post(f"http://{address}/runs/{run}/share").json()
    front = share["link"].removesuffix(share["path"])
    window = open_window(f"http://{address}")
    page = window.open_to_the_end(f"{front}/ui/runs/{run}")
    is_learning(page)
    links = page.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    for link in links:
        if not link.startswith(f"{window.address}{front}/ui/runs/{run}#"):
            assert httpx.get(link).status_code == 200, link
