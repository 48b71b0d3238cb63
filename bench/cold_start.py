"""Cold starts relative to the bare import of torch, FastAPI and SQLAlchemy: times, CPU seconds and memory.

A turn starts the service twice, on an empty home and on the home of that first start, and then runs two commands. Each
ratio is given for the best and for the median turn; other load on the machine distorts the median more.
"""

import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import httpx

from bench.report import figure
from bench.service import home
from tests.support.processes import free_port

TURNS = 2
BARE = "import torch, fastapi, sqlalchemy"
RESIDENT = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')))"
IDLE_SECONDS = 1.0  # before the memory is read
TICKS = os.sysconf("SC_CLK_TCK")
WANTED = {"ready": 1.5, "worker": 2.0, "antigrad --help": 0.15, "antigrad runs": 0.15, "memory": 1.3}

Samples = dict[str, list[float]]


def command(*arguments: str) -> tuple[float, float, str]:
    """Wall-clock seconds, CPU seconds and output of a Python process."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, output


def cpu_seconds(process: int) -> float:
    """CPU seconds of a live process so far, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(process: int) -> int:
    """Resident memory in kB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def until(condition: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    """Wait until the condition holds; the service may refuse connections meanwhile."""
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            if process.poll() is not None:
                raise SystemExit("the service did not start; its error is printed above") from None
        time.sleep(0.01)


def service(name: str, samples: Samples) -> None:
    """Start the service, run two commands against it, and stop it."""
    port = free_port()
    begun = time.perf_counter()
    arguments = ["-m", "app.cli.main", "serve", "--port", str(port)]
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until(lambda: client.get("/readyz").status_code == 200, process)
            samples[f"ready{name}"].append(time.perf_counter() - begun)
            samples[f"ready{name}, CPU"].append(cpu_seconds(process.pid))
            until(lambda: bool(client.get("/workers").json()["items"]), process)
            samples[f"worker{name}"].append(time.perf_counter() - begun)
            body = {"dataset": "notmnist", "stop": {"max_steps": 20}}
            run = client.post("/runs", json=body).raise_for_status().json()["id"]
            until(lambda: bool(client.get(f"/runs/{run}").json()["progress"].get("step")), process)
            samples[f"step{name}"].append(time.perf_counter() - begun)
            until(lambda: client.get(f"/runs/{run}").json()["status"] == "succeeded", process)
            time.sleep(IDLE_SECONDS)
            samples[f"memory{name}"].append(resident(process.pid))
            if name:
                return
            os.environ["ANTIGRAD_URL"] = f"http://127.0.0.1:{port}"
            for words in ("--help", "runs"):
                wall, cpu, _ = command("-m", "app.cli.main", words)
                samples[f"antigrad {words}"].append(wall)
                samples[f"antigrad {words}, CPU"].append(cpu)
    finally:
        process.terminate()
        process.wait()


def turn(samples: Samples) -> None:
    wall, cpu, output = command("-c", f"{BARE}; {RESIDENT}")
    samples["bare"].append(wall)
    samples["bare, CPU"].append(cpu)
    samples["bare, memory"].append(float(output))
    with home():
        service("", samples)
        service(" again", samples)


def compare(label: str, name: str, base: str, samples: Samples) -> None:
    """Print the best and the median of the samples as multiples of those of the bare import."""
    wanted = WANTED.get(name.removesuffix(" again"))
    for which, of in (("best", min), ("median", statistics.median)):
        figure(f"{label}, {which}", of(samples[name]) / of(samples[base]), "×", at_most=wanted)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the installed libraries have bytecode already
    turn(defaultdict(list))  # not counted: it writes the bytecode, and fills the file cache
    samples: Samples = defaultdict(list)
    for _ in range(TURNS):
        turn(samples)
    figure(f"{BARE}, best", min(samples["bare"]), "s")
    figure(f"{BARE}, median", statistics.median(samples["bare"]), "s")
    figure(f"{BARE}, CPU, median", statistics.median(samples["bare, CPU"]), "s")
    figure(f"{BARE}, memory", statistics.median(samples["bare, memory"]) / 1024, "MiB")
    for home_of, name in (("empty home", ""), ("old home", " again")):
        compare(f"/readyz, {home_of}", f"ready{name}", "bare", samples)
        compare(f"/readyz, {home_of}, CPU of the API", f"ready{name}, CPU", "bare, CPU", samples)
        compare(f"the first worker, {home_of}", f"worker{name}", "bare", samples)
        compare(f"the first step of a run posted after that, {home_of}", f"step{name}", "bare", samples)
        compare(f"the API's memory after that run, {home_of}", f"memory{name}", "bare, memory", samples)
    for words in ("antigrad --help", "antigrad runs"):
        compare(words, words, "bare", samples)
        compare(f"{words}, CPU", f"{words}, CPU", "bare, CPU", samples)
