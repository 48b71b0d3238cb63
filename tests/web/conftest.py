"""Fixtures of the tests in a real browser. Where there is none, they are skipped by name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser

from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files, open_files
from tests.support.commands import serving
from tests.support.services import Template
from tests.web.browser import CHROMIUM, HOW_TO_GET, PATIENCE_MS, Window, chromium

DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for the tests of a module: while it is open, no other test can run an event loop."""
    if CHROMIUM is None:
        pytest.skip(HOW_TO_GET)
    with chromium() as browser:
        yield browser


@dataclass(frozen=True)
class Shelf:
    """A service without a worker, at an address, and the database and files behind it."""

    address: str
    database: Database
    files: Files


@pytest.fixture(scope="module")
def shelf(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A service for the tests of a module, which insert what it shows."""
    template.fill(home := tmp_path_factory.mktemp("shelf") / "home")
    with serving(home, "--workers", "0") as address:
        database = Database(Settings(home=home, _env_file=None).database)
        yield Shelf(f"http://{address}", database, open_files("", home))
        database.close()


@pytest.fixture
def open_window(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Open windows of new readers, who prefer English; at the end nothing has gone wrong in them."""
    windows: list[Window] = []

    def open_window(address: str, **options: Any) -> Window:
        context = browser.new_context(**{"locale": "en-GB", "viewport": DESKTOP} | options)
        context.set_default_timeout(PATIENCE_MS)
        windows.append(Window(context.new_page(), address))
        return windows[-1]

    yield open_window
    wrong = [each for window in windows for each in window.wrong]
    for window in windows:
        window.page.context.close()
    assert wrong == []


@pytest.fixture
def window(open_window: Callable[..., Window], shelf: Shelf) -> Window:
    """A window at the service without a worker."""
    return open_window(shelf.address)
