"""Attacks with large, slow and costly requests: the slowest quick answers meanwhile, and the memory gained.

With `BEFORE=folder`, the name of another checkout, each attack also runs against that version in the same run, and the
table has both figures: before → now. Each attack ends by itself. It comes from a process and an address of its own, so
that neither this process nor the limit on an address's connections slows down the measured requests.
"""

import io
import json
import multiprocessing
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
from PIL import Image

from bench.service import ended, home, started

HERE = Path(__file__).parent.parent
MOST_SECONDS = 30.0  # of one attack
ATTACKER = "127.0.0.2"
PAUSE = 0.02  # between two quick requests
WANTED_MS = 500
RUN = {"dataset": "digits", "stop": {"max_steps": 20}}


@dataclass(frozen=True)
class Target:
    """A service under attack: its port, a finished run, and its process."""

    port: int
    run: str
    process: psutil.Process

    def connect(self, seconds: float = MOST_SECONDS) -> socket.socket:
        """A connection of the attacker."""
        return socket.create_connection(("127.0.0.1", self.port), seconds, source_address=(ATTACKER, 0))

    def send(self, head: str, body: bytes = b"") -> socket.socket:
        """Open a connection and send a request; the answer is left unread."""
        connection = self.connect()
        with suppress(OSError):  # the service may refuse in the middle
            connection.sendall(
                f"{head} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )
        return connection

    def post(self, path: str, body: bytes, kind: str) -> None:
        """Send a request and read its answer, whatever it is."""
        with suppress(httpx.HTTPError):
            url = f"http://127.0.0.1:{self.port}{path}"
            with httpx.Client(transport=httpx.HTTPTransport(local_address=ATTACKER), timeout=MOST_SECONDS) as client:
                client.post(url, content=body, headers={"Content-Type": kind})


def many_errors(target: Target) -> None:
    body = json.dumps({"dataset": "digits"} | {f"unknown{number}": 1 for number in range(90_000)}).encode()
    target.post("/runs", body, "application/json")


def costly_picture(target: Target) -> None:
    file = io.BytesIO()
    Image.new("L", (1000, 1000), 90).save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    picture = whole[:-2] + scan * 1000 + whole[-2:]
    path = f"/predict?run={target.run}&fit=true"
    with ThreadPoolExecutor(4) as senders:
        list(senders.map(lambda _: target.post(path, picture, "image/jpeg"), range(4)))


def endless_headers(target: Target) -> None:
    with target.connect() as connection, suppress(OSError):
        connection.sendall(b"GET /runs HTTP/1.1\r\nHost: localhost\r\n")
        for _ in range(4000):  # 256 MB
            connection.sendall(b"X-Line: " + b"x" * 65_000 + b"\r\n")


def silent_connections(target: Target) -> None:
    with ExitStack() as held:
        for _ in range(900):  # this process may open about a thousand files
            with suppress(OSError):
                held.enter_context(target.connect(seconds=1))
        time.sleep(2)


def unread_exports(target: Target) -> None:
    with ExitStack() as held:
        for _ in range(150):
            held.enter_context(target.send("GET /datasets/notmnist/export.npz"))
        time.sleep(10)


def large_bodies(target: Target) -> None:
    body = bytes(60 * 2**20)
    path = f"/predict?run={target.run}"
    with ThreadPoolExecutor(12) as senders:
        list(senders.map(lambda _: target.post(path, body, "image/png"), range(12)))


ATTACKS: dict[str, Callable[[Target], None]] = {
    "a body with 90,000 unknown fields": many_errors,
    "4 JPEGs of 1,000 scans": costly_picture,
    "headers without an end": endless_headers,
    "900 silent connections": silent_connections,
    "150 unread exports": unread_exports,
    "12 bodies of 60 MB": large_bodies,
}


@contextmanager
def service(checkout: Path) -> Iterator[Target]:
    """The service of a checkout, with one finished run."""
    module = "app.cli.main" if (checkout / "app/cli").is_dir() else "app.cli"  # as older checkouts have it
    command = ["-m", module, "serve", "--port", "{port}"]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with (
        home(),
        started(command, cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout)}, **silent) as (client, process),
    ):
        run = client.post("/runs", json=RUN).raise_for_status().json()["id"]
        ended(client, run)
        assert client.base_url.port is not None
        yield Target(client.base_url.port, run, psutil.Process(process.pid))


def measured(target: Target, attack: Callable[[Target], None]) -> list[float]:
    """Slowest `/healthz` and `/runs/{id}` during an attack, in ms, and the memory gained, in MB.

    An answer that does not come counts as the whole time.
    """
    over, slowest, memory = threading.Event(), [0.0, 0.0], [target.process.memory_info().rss]

    def ask(place: int, path: str) -> None:
        while not over.is_set():
            begun = time.perf_counter()
            is_answered = answered(target.port, path)
            took = time.perf_counter() - begun if is_answered else MOST_SECONDS
            slowest[place] = max(slowest[place], 1000 * took)
            memory.append(target.process.memory_info().rss)
            over.wait(PAUSE)

    askers = [threading.Thread(target=ask, args=each) for each in enumerate(("/healthz", f"/runs/{target.run}"))]
    attacking = multiprocessing.get_context("fork").Process(target=attack, args=(target,))
    attacking.start()
    for asker in askers:
        asker.start()
    attacking.join()
    over.set()
    for asker in askers:
        asker.join()
    return [*slowest, (max(memory) - memory[0]) / 2**20]


def answered(port: int, path: str) -> bool:
    """True if a GET on a new connection is answered with 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=MOST_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200
    except OSError:
        return False
    finally:
        connection.close()


def main() -> None:
    versions = [Path(before).resolve() for before in [os.environ.pop("BEFORE", "")] if before] + [HERE]
    print(f"{'':<36}{'/healthz, ms':>18}{'/runs/{id}, ms':>18}{'memory, MB':>18}", flush=True)
    for name, attack in ATTACKS.items():
        figures = []
        for checkout in versions:
            with service(checkout) as target:
                figures.append(measured(target, attack))
        columns = [" → ".join(f"{value:.0f}" for value in each) for each in zip(*figures, strict=True)]
        met = max(figures[-1][:2]) <= WANTED_MS
        print(
            f"{name:<36}" + "".join(f"{column:>18}" for column in columns),
            "" if met else f"  over {WANTED_MS} ms",
            flush=True,
        )
