"""A report as a browser opens it from a disk."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.cli.report_page import page as report
from tests.cli.test_report import HOSTILE, told


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_report_opens_without_a_network(browser: Browser, tmp_path: Path, theme: str) -> None:
    file = tmp_path / "report.html"
    file.write_text(report([told(HOSTILE, script="print('<b>')"), told("second")]))
    with browser.new_context(color_scheme=theme, viewport={"width": 375, "height": 800}) as context:  # type: ignore[arg-type]
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: wrong.append(request.url) if request.url != file.as_uri() else None)
        page.goto(file.as_uri())
        assert page.locator("h2").first.inner_text() == HOSTILE
        page.get_by_text("Script in plain PyTorch").click()
        assert page.locator("pre:visible").inner_text() == "print('<b>')"
        strokes = page.locator(".charts .curve").evaluate_all("all => all.map(each => getComputedStyle(each).stroke)")
        assert len(strokes) == 2 and "none" not in strokes
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert wrong == []
