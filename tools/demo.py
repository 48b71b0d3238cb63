"""`make demo`: start the service, train on letters, and predict one with curl."""

import argparse
import socket
import subprocess
import sys
import time

import httpx
from rich.progress import BarColumn, Progress, TextColumn

from app.settings import Settings, SettingsRefused, load


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--once", action="store_true", help="stop the service at the end")
    arguments = parser.parse_args()
    try:
        settings = load()
    except SettingsRefused as error:
        sys.exit(str(error))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", arguments.port))
        except OSError:
            sys.exit(f"port {arguments.port} is taken; choose another: make demo PORT={arguments.port + 1}")
    address = f"http://127.0.0.1:{arguments.port}"
    service = subprocess.Popen([sys.executable, "-m", "app.cli.main", "serve", "--port", str(arguments.port)])
    try:
        show(address, service, settings)
        if not arguments.once:
            print(f"\nThe service keeps running at {address} (documentation: {address}/docs). Press Ctrl-C to stop it.")
            service.wait()
    except KeyboardInterrupt:
        pass
    finally:
        service.terminate()
        service.wait()


def show(address: str, service: "subprocess.Popen[bytes]", settings: Settings) -> None:
    key = {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"} if settings.api_key else {}
    key_shown = "-H 'Authorization: Bearer …' " if key else ""
    client = httpx.Client(base_url=address, headers=key, timeout=30)
    until_ready(client, service)
    body = '{"dataset": "notmnist"}'
    print(f"\n$ curl {key_shown}-X POST {address}/runs -H 'Content-Type: application/json' -d '{body}'")
    run = client.post("/runs", content=body, headers={"Content-Type": "application/json"}).raise_for_status().json()
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[news]}")
    with Progress(*columns) as progress:
        bar = progress.add_task("learning letters A–J", total=1.0, news="waiting for the worker")
        while run["status"] in ("queued", "running"):
            run = client.get(f"/runs/{run['id']}").raise_for_status().json()
            progress.update(bar, completed=run["progress"].get("fraction", 0.0), news=news(run))
            time.sleep(0.1)
    if run["status"] != "succeeded":
        sys.exit(f"the run has {run['status']}: {run['error']}")
    print(f"test accuracy: {run['metrics']['test']['accuracy']:.1%}   (run {run['id']})")

    sample = client.get("/datasets/notmnist/samples", params={"limit": 1}).json()["items"][0]
    picture = settings.home / "letter.png"
    picture.write_bytes(client.get(f"/datasets/notmnist/images/{sample['index']}.png").content)
    command = ["-s", "--data-binary", f"@{picture}", "-H", "Content-Type: image/png", f"{address}/predict"]
    shown = " ".join(f"'{part}'" if " " in part else part for part in command)
    print(f"\n$ curl {key_shown}{shown}   # a test letter: {sample['label']}", flush=True)
    secret = [part for name, value in key.items() for part in ("-H", f"{name}: {value}")]
    subprocess.run(["curl", *secret, *command], check=True)
    print()


def until_ready(client: httpx.Client, service: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        if service.poll() is not None:
            sys.exit("the service did not start; its error is printed above")
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit("the service is not ready after a minute")


def news(run: dict) -> str:  # type: ignore[type-arg]
    train, validation = run["metrics"]["train"], run["metrics"]["validation"]
    if not train or not validation:
        return "queued" if run["status"] == "queued" else "starting"
    return f"step {run['progress']['step']}  loss {train['loss']:.3f}  validation accuracy {validation['accuracy']:.3f}"


main()
