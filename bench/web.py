"""Waiting times of the pages' readers, in Debian's Chromium: the crosshair over many curves, and a run of a million
steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median

import httpx
import numpy as np
from playwright.sync_api import Page, sync_playwright

from app.settings import Settings
from app.storage import pyramid
from app.storage.database import Database
from app.storage.runs import get
from app.storage.tables import Run
from bench.report import figure
from bench.service import home, server

RUNS, STEPS, LONG = 20, 2000, 10**6
SERIES = [f"{part}.{metric}" for part in ("train", "validation") for metric in ("loss", "mse", "mae", "r2")]
MOVES = 200
REQUEST = {"dataset": "diabetes", "stop": {"max_epochs": 1}, "device": "cpu"}

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


def opened(page: Page, address: str, charts: int) -> float:
    """Millishown until all charts of a page are drawn."""
    page.goto(address)
    page.wait_for_function(f"() => document.querySelectorAll('.u-over canvas').length >= {charts}")
    shown: float = page.evaluate("() => new Promise(requestAnimationFrame)")
    return shown


def main() -> None:
    with service() as (client, database, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        run = trained(client)
        ids = copies(database, run, STEPS, RUNS, SERIES)
        opened(page, f"{client.base_url}/ui/compare?runs={','.join(ids)}", len(SERIES))
        page.wait_for_timeout(1500)
        moved: dict[str, list[float]] = page.evaluate(MOVE, MOVES)
        figure("crosshair over 8 charts × 20 runs × 2,000 points, median", median(moved["times"]), "ms", at_most=8)
        figure("its longest task", max(moved["long"], default=0.0), "ms", at_most=50)
        [long] = copies(database, run, LONG, 1, SERIES[:1])
        shown = opened(page, f"{client.base_url}/ui/runs/{long}", 1)
        figure("a run of a million steps opens", shown, "ms", at_most=1000)
        browser.close()


if __name__ == "__main__":
    main()
