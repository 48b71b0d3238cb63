"""Waiting times of the pages' readers, in Debian's Chromium.

The crosshair over many curves, a run of a million steps, a list of a thousand runs, a slow machine, and many tabs on a
run that trains."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from app.settings import Settings
from app.storage import pyramid
from app.storage.database import Database
from app.storage.runs import get
from app.storage.tables import Run
from bench.report import figure
from bench.service import home, server

RUNS, STEPS, LONG, LISTED, TABS, SLOWER = 20, 2000, 10**6, 1000, 10, 4
SERIES = [f"{part}.{metric}" for part in ("train", "validation") for metric in ("loss", "mse", "mae", "r2")]
MOVES = 200
CHART = ".u-over canvas"
WINDOW: ViewportSize = {"width": 1280, "height": 900}
REQUEST = {"dataset": "diabetes", "stop": {"max_epochs": 1}, "device": "cpu"}
# Some dozens of steps a second, so that the tabs have something to draw, and the processor time for it.
ENDLESS = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 1500}, {"type": "relu"}, {"type": "linear", "units": 1500}]},
    "batch_size": "full",
    "stop": {"max_epochs": 10**6},
    "device": "cpu",
}
LARGEST_PAINT = """() => new Promise((done) => {
  const seen = (list) => done(list.getEntries().at(-1).startTime);
  new PerformanceObserver(seen).observe({ type: "largest-contentful-paint", buffered: true });
})"""

# The work of a move of the pointer: its event, and the callbacks of the frame that shows it.
MOVE = """async (moves) => {
  const over = document.querySelector(".u-over");
  const { left, top, width, height } = over.getBoundingClientRect();
  const long = [];
  const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map((task) => task.duration)));
  observer.observe({ type: "longtask" });
  const times = [];
  for (let move = 0; move < moves; move++) {
    const [clientX, clientY] = [left + (width * (move % 97)) / 97, top + (height * (move % 89)) / 89];
    await new Promise(requestAnimationFrame);
    const begun = performance.now();
    over.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    const handled = performance.now() - begun;
    const frame = await new Promise(requestAnimationFrame); // when the frame began that draws all overlays
    times.push(handled + performance.now() - Math.max(frame, begun));
  }
  return { times, long };
}"""


@contextmanager
def service() -> Iterator[tuple[httpx.Client, Database, Path]]:
    """A service that trains one small run, and the database behind it."""
    with home() as folder, server(["-m", "app.cli.main", "serve", "--port", "{port}"]) as client:
        database = Database(Settings(home=folder, _env_file=None).database)
        yield client, database, folder
        database.close()


def trained(client: httpx.Client) -> str:
    run: str = client.post("/runs", json=REQUEST).raise_for_status().json()["id"]
    while client.get(f"/runs/{run}?wait=30").json()["status"] in ("queued", "running"):
        pass
    return run


def copies(database: Database, run: str, steps: int, count: int, series: list[str]) -> list[str]:
    """Runs like this one, with curves of so many steps."""
    ids = [f"run_of_{steps}_{place}" for place in range(count)]
    columns = [column.key for column in Run.__table__.columns if column.key != "wanted"]
    for place, id in enumerate(ids):
        noise = np.random.default_rng(place)
        with database.write() as db:
            source = get(db, run)
            db.add(Run(**{name: getattr(source, name) for name in columns if hasattr(source, name)} | {"id": id}))
            db.flush()
            recorded: dict[str, int] = {}
            for first in range(1, steps + 1, 50_000):
                of_chunk = np.arange(first, min(first + 50_000, steps + 1))
                values = of_chunk**-0.3 * noise.lognormal(0, 0.2, len(of_chunk))
                pyramid.append(db, id, {name: (of_chunk.tolist(), values.tolist()) for name in series}, recorded)
                recorded |= dict.fromkeys(series, int(of_chunk[-1]))
    return ids


def opened(page: Page, address: str, element: str, count: int = 1) -> float:
    """Milliseconds until so many of a page's elements are drawn."""
    page.goto(address)
    page.wait_for_function(f"() => document.querySelectorAll('{element}').length >= {count}")
    shown: float = page.evaluate("() => new Promise(requestAnimationFrame)")
    return shown


def largest_paint(browser: Browser, address: str) -> float:
    """Milliseconds until a reader with a slower machine sees most of a page, for the second time: scripts are kept."""
    with browser.new_context(viewport=WINDOW) as context:
        page = context.new_page()
        page.goto(address)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        times: list[float] = []
        for _ in range(5):
            page.goto(address)
            page.wait_for_timeout(1000)
            times.append(page.evaluate(LARGEST_PAINT))
        return median(times)


def tabs(browser: Browser, address: str) -> tuple[float, int]:
    """Milliseconds until the last of many tabs shows a run that trains, and the streams that all of them read."""
    with browser.new_context(viewport=WINDOW) as context:
        streams: list[str] = []
        context.on("request", lambda request: streams.append(request.url) if "/events?" in request.url else None)
        shown = [opened(context.new_page(), address, CHART) for _ in range(TABS)]
        return shown[-1], len(streams)


def main() -> None:
    with service() as (client, database, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=WINDOW)
        run = trained(client)
        ids = copies(database, run, STEPS, RUNS, SERIES)
        opened(page, f"{client.base_url}/ui/compare?runs={','.join(ids)}", CHART, len(SERIES))
        page.wait_for_timeout(1500)
        moved: dict[str, list[float]] = page.evaluate(MOVE, MOVES)
        figure("crosshair over 8 charts × 20 runs × 2,000 points, median", median(moved["times"]), "ms", at_most=8)
        figure("its longest task", max(moved["long"], default=0.0), "ms", at_most=50)
        [long] = copies(database, run, LONG, 1, SERIES[:1])
        shown = opened(page, f"{client.base_url}/ui/runs/{long}", CHART)
        figure("a run of a million steps opens", shown, "ms", at_most=1000)
        copies(database, run, 200, LISTED, SERIES[:1])
        listed = f"{client.base_url}/ui/runs"
        shown = median(opened(page, listed, "#list tbody tr", 50) for _ in range(9))
        figure(f"a list of {LISTED:,} runs opens, median", shown, "ms", at_most=300)
        for name, address in (("the list of runs", listed), ("a run", f"{client.base_url}/ui/runs/{run}")):
            paint = largest_paint(browser, address)
            figure(f"largest paint of {name}, {SLOWER} times slower, median", paint, "ms", at_most=500)
        endless: str = client.post("/runs", json=ENDLESS).raise_for_status().json()["id"]
        while not client.get(f"/runs/{endless}").json()["progress"]:
            pass
        shown, streams = tabs(browser, f"{client.base_url}/ui/runs/{endless}")
        figure(f"tab {TABS} on a run that trains opens", shown, "ms", at_most=1000)
        figure("streams of these tabs", streams, "", at_most=1)
        browser.close()


if __name__ == "__main__":
    main()
