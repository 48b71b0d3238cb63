"""Throughput of `/predict` with a PNG as the raw body, on 32 connections to one process, against a no-op FastAPI
endpoint that reads the same body in an equal server.

Target: at least 0.15 of the no-op's requests/s. Both have the same client, in a separate process.
"""

import asyncio
import statistics
import subprocess
import sys
import time

from fastapi import FastAPI, Request

from bench.report import figure
from bench.service import antigrad, ended, server

CONNECTIONS, SECONDS, ROUNDS = 32, 2.0, 7

noop = FastAPI()


@noop.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@noop.post("/predict")
async def read(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


async def connection(host: str, port: int, request: bytes, until: float) -> list[float]:
    """Seconds of each request, one after another on one connection."""
    reader, writer = await asyncio.open_connection(host, port)
    took = []
    while (begun := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the answer was {head!r}")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        took.append(time.perf_counter() - begun)
    writer.close()
    return took


async def load(port: int, path: str, picture: bytes) -> None:
    """Print the requests/s and the 99th percentile of latency in milliseconds."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: {len(picture)}"
    request = head.encode() + b"\r\n\r\n" + picture
    until = time.perf_counter() + SECONDS
    took = await asyncio.gather(*(connection("127.0.0.1", port, request, until) for _ in range(CONNECTIONS)))
    flat = sorted(second for seconds in took for second in seconds)
    print(len(flat) / SECONDS, 1000 * flat[int(0.99 * len(flat))])


def measured(port: int | None, path: str, picture: bytes) -> tuple[float, float]:
    """Requests/s and the 99th percentile of latency, measured by a client process."""
    command = [sys.executable, "-m", "bench.predict", str(port), path]
    rate, slow = subprocess.run(command, input=picture, capture_output=True, check=True).stdout.split()
    return float(rate), float(slow)


def main() -> None:
    command = ["-m", "uvicorn", "bench.predict:noop", "--port", "{port}", "--log-level", "warning"]
    with antigrad() as client, server(command) as rival:
        run = client.post("/runs", json={"dataset": "notmnist", "stop": {"max_epochs": 2}}).json()["id"]
        ended(client, run)
        picture = client.get("/datasets/notmnist/images/0.png").content
        paths = {
            "no-op": (rival, "/predict"),
            "/predict?run=": (client, f"/predict?run={run}"),
            "/predict": (client, "/predict"),
        }
        results: dict[str, list[tuple[float, float]]] = {name: [] for name in paths}
        for _ in range(ROUNDS):
            for name, (at, path) in paths.items():
                results[name].append(measured(at.base_url.port, path, picture))
    for name, rounds in results.items():
        figure(name, statistics.median(rate for rate, _ in rounds), "req/s")
        figure(f"{name}, 99th percentile", statistics.median(slow for _, slow in rounds), "ms")
    for name in list(paths)[1:]:
        ratios = [a[0] / b[0] for a, b in zip(results[name], results["no-op"], strict=True)]
        figure(f"{name} : no-op", statistics.median(ratios), "×", at_least=0.15)


if __name__ == "__main__":
    asyncio.run(load(int(sys.argv[1]), sys.argv[2], sys.stdin.buffer.read()))
