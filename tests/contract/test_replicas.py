"""Two API machines behind nginx, which share only Postgres and an object store: one dies, and nobody notices."""

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.archives import letters, zipped
from tests.support.commands import CLI, until_ready
from tests.support.fork_server import Forked, fork_server
from tests.support.nginx import serving_nginx
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.processes import free_port, until

ROOT = Path(__file__).parent.parent.parent
CONNECTIONS = 5  # of each API process
pytestmark = pytest.mark.long


@pytest.fixture
def environment(postgres: Postgres, object_store: ObjectStore) -> dict[str, str]:
    files = f"s3://{object_store.new_bucket()}/antigrad"
    return {"ANTIGRAD_DATABASE_URL": postgres.new_database(), "ANTIGRAD_FILES_URL": files,
            "ANTIGRAD_DATABASE_CONNECTIONS": str(CONNECTIONS)}  # fmt: skip


@pytest.fixture
def addresses() -> list[str]:
    return [f"127.0.0.1:{free_port()}" for _ in range(2)]


@pytest.fixture
def replicas(environment: dict[str, str], addresses: list[str], tmp_path: Path) -> Iterator[list[Forked]]:
    """An API machine at each address, and a machine with a worker."""
    started = []
    with ExitStack() as ending:
        for address in addresses:
            port, home = address.partition(":")[2], {"ANTIGRAD_HOME": str(tmp_path / address)}
            process = fork_server().start(CLI, "serve", "--port", port, "--workers", "0", **environment | home)
            started.append(process)
            ending.callback(process.wait, 120)
            ending.callback(process.terminate)
            until_ready(process, f"http://{address}")
        home = {"ANTIGRAD_HOME": str(tmp_path / "worker")}
        worker = fork_server().start("worker", "--until-stdin-closes", pipes=["stdin"], **environment | home)
        ending.callback(worker.wait, 120)
        ending.callback(worker.close)
        yield started


@pytest.fixture
def behind(replicas: list[Forked], addresses: list[str], tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of both, behind nginx as the documents configure it."""
    [site] = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/several-machines.md").read_text(), re.DOTALL)
    port = free_port()
    site = site.replace("listen 80;", f"listen 127.0.0.1:{port};")
    for written, address in zip(re.findall(r"192\.0\.2\.\d:8000", site), addresses, strict=True):
        site = site.replace(written, address)
    (tmp_path / "nginx").mkdir()
    with serving_nginx(tmp_path / "nginx", site, f"http://127.0.0.1:{port}") as client:
        yield client


@dataclass
class Reader:
    """A client that follows a run's events to their end, and continues where it was cut off."""

    client: httpx.Client
    run: str
    steps: list[int] = field(default_factory=list)  # of `train.loss`, as they came
    cuts: int = 0
    has_begun: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        event: dict[str, str] = {}
        last = None
        while event.get("event") != "done":
            event, headers = {}, {} if last is None else {"Last-Event-ID": last}
            try:
                with self.client.stream("GET", f"/runs/{self.run}/events", headers=headers) as events:
                    for line in events.iter_lines():
                        if line:
                            name, _, value = line.partition(": ")
                            event[name] = value
                            continue
                        if event.get("event") == "points":
                            self.steps += json.loads(event["data"]).get("train.loss", {}).get("step", [])
                            self.has_begun.set()
                        last = event.get("id", last)
                        if event.get("event") == "done":
                            break
                        event = {}
            except httpx.TransportError:
                self.cuts += 1
                event = {}


def connections(url: str) -> int:
    """The connections to a database, without this one."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        [count] = connection.execute(query).fetchone() or (0,)
        return int(count)


def test_one_of_two_dies_and_the_service_goes_on(
    behind: httpx.Client, replicas: list[Forked], environment: dict[str, str]
) -> None:
    sent = behind.post("/datasets", params={"name": "letters"}, content=zipped(letters(each=20))).raise_for_status()
    until(lambda: behind.get(f"/datasets/{sent.json()['id']}").raise_for_status().json()["status"] == "ready")
    with ThreadPoolExecutor(40) as pool:
        assert {answer.status_code for answer in pool.map(lambda _: behind.get("/runs"), range(200))} == {200}
    assert connections(environment["ANTIGRAD_DATABASE_URL"]) <= 2 * CONNECTIONS + 3  # as the documents say
    body = {"dataset": "letters", "stop": {"max_epochs": None, "max_seconds": 15}}
    run = behind.post("/runs", json=body, headers={"Idempotency-Key": "first"}).raise_for_status().json()["id"]
    until(lambda: behind.get(f"/runs/{run}").raise_for_status().json()["progress"].get("step", 0) > 0)

    readers = [Reader(behind, run), Reader(behind, run)]  # nginx takes turns, so each machine has one
    with ThreadPoolExecutor(len(readers)) as pool:
        reading = []
        for reader in readers:
            reading.append(pool.submit(reader.read))
            assert reader.has_begun.wait(60)
        replicas[0].kill()
        for each in reading:
            each.result(120)
    assert sorted(reader.cuts for reader in readers) == [0, 1]
    curve = behind.get(f"/runs/{run}/curve", params={"points": 10**7}).json()["series"]["train.loss"]["step"]
    assert readers[0].steps == readers[1].steps == curve == list(range(1, len(curve) + 1))

    again = behind.post("/runs", json=body, headers={"Idempotency-Key": "first"})
    assert (again.status_code, again.json()["id"]) == (200, run)
    picture = behind.get("/datasets/letters/images/0.png").raise_for_status().content
    for _ in range(4):
        answer = behind.post(f"/predict?run={run}", content=picture, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200 and answer.json()["predictions"][0]["label"] in "ABC"
    upload = behind.post("/datasets", params={"name": "others"}, content=zipped(letters())).raise_for_status()
    until(lambda: behind.get(f"/datasets/{upload.json()['id']}").json()["status"] == "ready")
