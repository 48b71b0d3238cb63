"""Requests by `wrk` (Debian: wrk) to a service, and rounds of rivals in turn."""

import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import httpx
import psutil

CONNECTIONS, SECONDS, ROUNDS = 32, 3, 5
PAUSES = "function delay() return -{milliseconds} * math.log(1 - math.random()) end\n"  # Poisson's
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}

A, B = TypeVar("A"), TypeVar("B")


class Measured(NamedTuple):
    """Requests/s, and the median and 99th percentile of the latency in milliseconds."""

    rate: float
    median: float
    slow: float


def load(url: str, kind: str, body: bytes, connections: int = CONNECTIONS, rate: float | None = None) -> Measured:
    """Requests by `wrk` for some seconds. Every answer must be 200.

    rate: requests/s; each connection then pauses at random after an answer. By default it sends the next one at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        content, script = Path(folder) / "body", Path(folder) / "post.lua"
        content.write_bytes(body)
        script.write_text(
            f'local file = io.open("{content}", "rb")\nwrk.body = file:read("*a")\nwrk.method = "POST"\n'
            f'wrk.headers["Content-Type"] = "{kind}"\n'
            + ("" if rate is None else PAUSES.format(milliseconds=1000 * connections / rate))
        )
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{SECONDS}s",
            "--latency",
            "--timeout",
            "30s",
            "-s",
            script,
            url,
        ]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    slow = {share: float(value) * UNITS[unit] for share, value, unit in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)", said)}
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert rate is not None
    return Measured(float(rate[1]), slow["50"], slow["99"])


class Service:
    """A running service, and the query with which it predicts."""

    def __init__(
        self, client: httpx.Client, process: "subprocess.Popen[bytes] | psutil.Process", query: str = ""
    ) -> None:
        self.client, self.process, self.query = client, psutil.Process(process.pid), query
        self.predict = f"{client.base_url}/predict" + (f"?{query}" if query else "")

    def load(self, picture: bytes, connections: int = CONNECTIONS, rate: float | None = None) -> Measured:
        """Predictions of a picture."""
        return load(self.predict, "image/png", picture, connections, rate)

    def cpu_seconds(self) -> float:
        """Processor time of all API processes of the service."""
        family = [self.process, *self.process.children()]
        times = [process.cpu_times() for process in family if "worker" not in process.cmdline()]
        return sum(each.user + each.system for each in times)


def rounds(first: Callable[[], A], second: Callable[[], B], count: int = ROUNDS) -> list[tuple[A, B]]:
    """The rivals in turn; each begins every second round, since the machine may slow down or speed up meanwhile."""
    pairs = []
    for number in range(count):
        if number % 2:
            later = second()
            pairs.append((first(), later))
        else:
            pairs.append((first(), second()))
    return pairs
