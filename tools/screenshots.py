"""Pictures of every page, for the documents and to look at: `make screenshots`.

A service of its own trains a few runs first. Each page is then shown light, dark, and at the width of a phone.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from tests.support.processes import free_port

FOLDER = Path(__file__).parent.parent / "docs/screenshots"
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = {
    "light": {"viewport": DESKTOP, "color_scheme": "light"},
    "dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}
SMALL = {"model": {"layers": [{"type": "linear", "units": 64}, {"type": "relu"}]}, "stop": {"max_epochs": 12}}
CONV = [
    {"type": "conv2d", "channels": 8, "kernel_size": 3},
    {"type": "relu"},
    {"type": "max_pool2d"},
    {"type": "flatten"},
]
RUNS: tuple[dict[str, Any], ...] = (
    {"dataset": "digits", "name": "digits, first try", **SMALL},
    {
        "dataset": "digits",
        "name": "digits, SGD",
        **SMALL,
        "optimizer": {"name": "sgd", "lr": 0.1},
        "tags": {"course": "ml"},
    },
    {"dataset": "digits", "name": "digits, too fast", **SMALL, "optimizer": {"name": "sgd", "lr": 300}},
    {"dataset": "digits", "name": "digits, convolution", **SMALL, "model": {"layers": CONV}, "tags": {"course": "ml"}},
    {"dataset": "diabetes", "name": "diabetes, baseline", "stop": {"max_epochs": 40}},
    {
        "dataset": "digits",
        "name": "digits, sigmoid",
        **SMALL,
        "model": {"layers": [{"type": "linear", "units": 64}, {"type": "sigmoid"}]},
    },
)
# Pictures further down are loaded when the reader gets there.
EAGER = """() => Promise.all([...document.querySelectorAll("img[loading=lazy]")].map((image) => {
  image.loading = "eager";
  return image.decode().catch(() => {}); // one that is not there stays a gap
}))"""
SWEEP: dict[str, Any] = {
    "name": "rates and methods",
    "base": {"dataset": "digits", "stop": {"max_epochs": 4}},
    "grid": {"optimizer.lr": [0.3, 0.03, 0.003], "optimizer.name": ["sgd", "adam", "rmsprop"]},
    "seeds": [0, 1],
}
LONG: dict[str, Any] = {"dataset": "notmnist", "name": "letters, wide", "stop": {"max_epochs": 20_000}}


@contextmanager
def service() -> Iterator[httpx.Client]:
    """A service with one worker and a new home."""
    port = free_port()
    with TemporaryDirectory() as home:
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port)]
        environment = {"ANTIGRAD_HOME": home, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parent.parent)}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                until(lambda: is_ready(client))
                yield client
        finally:
            process.terminate()
            process.wait(60)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


def until(reached: Any, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing after {seconds} s")
        time.sleep(0.2)


def train(client: httpx.Client) -> dict[str, str]:
    """Train the runs, start the long one and let one wait; returns their ids by name."""
    ids = {}
    for request in RUNS:
        ids[request["name"]] = client.post("/runs", json=request).raise_for_status().json()["id"]
    for run in client.post("/experiments/sign", json={"seeds": [0]}).raise_for_status().json()["runs"]:
        ids[f"sign, {run['trial']}"] = run["run"]
    for id in ids.values():
        until(lambda id=id: client.get(f"/runs/{id}").json()["status"] in ("succeeded", "failed"))
    ids["sweep"] = client.post("/sweeps", json=SWEEP).raise_for_status().json()["id"]
    until(lambda: client.get(f"/sweeps/{ids['sweep']}").json()["status"] == "succeeded")
    for name in ("letters, wide", "letters, deep"):
        ids[name] = client.post("/runs", json=LONG | {"name": name}).raise_for_status().json()["id"]
    until(lambda: client.get(f"/runs/{ids['letters, wide']}").json()["progress"].get("epoch", 0) >= 8)
    shares = {ids["digits, first try"]: 0.9, ids["digits, convolution"]: 0.1}
    point(client, "digits", {"run": ids["digits, SGD"]})
    point(client, "digits", {"runs": shares, "shadow": {"run": ids["digits, sigmoid"], "share": 1}})
    point(client, "progression", {"run": ids["diabetes, baseline"]})
    return ids


def point(client: httpx.Client, model: str, body: dict[str, Any]) -> None:
    client.put(f"/models/{model}", json=body).raise_for_status()


def pages(ids: dict[str, str]) -> dict[str, str]:
    """The addresses of the pages, by the names of their pictures."""
    compared = [id for name, id in ids.items() if name.startswith("digits")]
    return {
        "runs": "/ui/runs?q=-rates",
        "groups": "/ui/runs?group=optimizer&q=dataset:digits+-letters",
        "new-run": "/ui/runs/new",
        "datasets": "/ui/datasets",
        "dataset": "/ui/datasets/notmnist",
        "table": "/ui/datasets/diabetes",
        "optimizers": "/ui/optimizers",
        "learn": "/ui/learn",
        "lecture": "/ui/learn/descent",
        "models": "/ui/models",
        "model": "/ui/models/digits",
        "queue": "/ui/queue",
        "run": f"/ui/runs/{ids['digits, convolution']}",
        "failed-run": f"/ui/runs/{ids['digits, too fast']}",
        "live-run": f"/ui/runs/{ids['letters, wide']}",
        "compare": f"/ui/compare?runs={','.join(compared)}&pinned={compared[-1]}",
        "nothing-compared": "/ui/compare",
        "nothing-found": "/ui/runs?q=name:nobody",
        "not-found": "/ui/runs/run_nowhere",
        "new-sweep": f"/ui/sweeps/new?runs={','.join(compared)}",
        "sweeps": "/ui/sweeps",
        "sweep": f"/ui/sweeps/{ids['sweep']}",
        "try": f"/ui/try?run={ids['digits, convolution']}",
    }


def open_map(page: Page) -> None:
    page.locator("[data-map=pca]").click()
    page.locator("#map text").first.wait_for(timeout=150_000)
    page.locator("[data-view=suspects]").click()
    page.locator("#suspects li").first.wait_for(timeout=150_000)
    page.locator("#map text").nth(7).dispatch_event("pointerover")


def add_residual(page: Page) -> None:
    page.locator("#add-layer").select_option("residual")
    page.locator("#layers .inside select").last.select_option("linear")


def draw_seven(page: Page) -> None:
    box = page.locator("#drawing").bounding_box()
    assert box
    for step, (x, y) in enumerate(((0.3, 0.2), (0.7, 0.2), (0.45, 0.85))):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=12 if step else 1)
        if step == 0:
            page.mouse.down()
    page.mouse.up()
    page.locator("#overlay").wait_for()


# What is done on a page before its picture is taken.
BEFORE: dict[str, Callable[[Page], None]] = {
    "dataset": open_map,
    "groups": lambda page: page.locator("#calls summary").click(),
    "new-run": add_residual,
    "try": draw_seven,
}


def shoot(browser: Browser, name: str, address: str) -> None:
    for look, options in LOOKS.items():
        with browser.new_context(locale="en-GB", **options) as context:  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(address, wait_until="load")
            with suppress(TimeoutError):  # a page with a stream is never idle
                page.wait_for_load_state("networkidle", timeout=5000)
            if name in BEFORE:
                BEFORE[name](page)
            page.evaluate(EAGER)
            page.wait_for_timeout(500)  # charts draw in the next frames
            page.screenshot(path=FOLDER / f"{name}-{look}.png", full_page=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pages, by default all")
    names = parser.parse_args().names
    FOLDER.mkdir(parents=True, exist_ok=True)
    with service() as client, sync_playwright() as playwright:
        ids = train(client)
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        for name, path in pages(ids).items():
            if not names or name in names:
                shoot(browser, name, f"{client.base_url}{path}")
                print(FOLDER / name)
        browser.close()


if __name__ == "__main__":
    main()
