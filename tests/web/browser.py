"""A real browser for the tests of the pages: Debian's Chromium, driven by Playwright.

`Window` collects what must not happen on any page: an error on the console, a violation of the content security policy,
a request to another host, an answer that failed without the test expecting it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright

CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
AXE = Path(__file__).parent.parent / "clients/node_modules/axe-core/axe.min.js"
HOW_TO_GET = "there is no Chromium; on Debian: apt-get install chromium"
SERIOUS = ("serious", "critical")
PATIENCE_MS = 60_000  # a busy machine may need it; what comes is seen at once
IDLE = "() => new Promise(requestIdleCallback)"  # scripts have taken what has arrived

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@dataclass
class Window:
    """A page of the browser at a service's address.

    `refused` are the statuses that a test expects, `expected` parts of messages on the console, and `elsewhere` other
    addresses.
    """

    page: Page
    address: str
    refused: tuple[int, ...] = ()
    expected: tuple[str, ...] = ("Failed to load resource",)  # of a refused request; `refused` judges those
    elsewhere: tuple[str, ...] = ()
    wrong: list[str] = field(default_factory=list)
    loading: set[Request] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)
        self.page.on("requestfinished", self._on_end)
        self.page.on("requestfailed", self._on_end)

    def open(self, path: str) -> Page:
        """Load a page of the service, with its scripts."""
        self.page.goto(f"{self.address}{path}", wait_until="load")
        return self.page

    def open_to_the_end(self, path: str) -> Page:
        """Load a page and what its scripts ask for, but for streams of events, which do not end."""
        page = self.open(path)
        page.evaluate(IDLE)
        while self.loading:
            page.evaluate(IDLE)
        return page

    def _on_console(self, message: ConsoleMessage) -> None:
        is_expected = any(part in message.text for part in self.expected)
        if message.type in ("error", "warning") and not is_expected:
            self.wrong.append(f"console: {message.text}")

    def _on_request(self, request: Request) -> None:
        if request.resource_type != "eventsource":
            self.loading.add(request)
        url = urlsplit(request.url)
        address = f"{url.scheme}://{url.netloc}"
        if url.scheme in ("http", "https", "ws", "wss") and address not in (self.address, *self.elsewhere):
            self.wrong.append(f"request elsewhere: {request.url}")

    def _on_end(self, request: Request) -> None:
        self.loading.discard(request)

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.refused:
            self.wrong.append(f"{response.status}: {response.request.method} {response.url}")


def violations(page: Page) -> list[str]:
    """Violations that axe-core finds on the page, of serious impact or worse: the rule and the elements."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [
        f"{each['id']}: {node['target']} {node.get('failureSummary', '')}"
        for each in found
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
