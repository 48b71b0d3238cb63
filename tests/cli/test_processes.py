"""`antigrad serve --processes`: several API processes share a port, and none is missed."""

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from app.settings import Settings
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.commands import CLI
from tests.support.fork_server import Forked, fork_server
from tests.support.processes import free_port, until
from tests.support.served import insert_network

CONNECTIONS = 64


class Served:
    """A service of two API processes without workers."""

    def __init__(self, home: Path, output: Path) -> None:
        self.port, self.output = free_port(), output
        arguments = ["serve", "--port", str(self.port), "--workers", "0", "--processes", "2"]
        with output.open("w") as file:
            self.parent: Forked = fork_server().start(CLI, *arguments, output=file, ANTIGRAD_HOME=str(home))
        until(lambda: f":{self.port} (docs" in output.read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def processes(self) -> list[psutil.Process]:
        """The processes that listen."""
        listening = []
        for process in psutil.Process(self.parent.pid).children(recursive=True):
            try:
                connections = process.net_connections("tcp")
            except psutil.Error:  # it has ended
                continue
            if any(item.status == psutil.CONN_LISTEN and item.laddr.port == self.port for item in connections):
                listening.append(process)
        return listening


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    service = Served(tmp_path / "home", tmp_path / "output")
    yield service
    service.parent.terminate()
    assert service.parent.wait(120) == 0


@pytest.mark.long
def test_connections_are_spread_and_a_process_that_dies_is_replaced(served: Served, tmp_path: Path) -> None:
    assert len(served.processes()) == 2
    clients = [httpx.Client(base_url=served.url, timeout=60) for _ in range(CONNECTIONS)]
    for client in clients:
        assert client.get("/healthz").status_code == 200
    counts = Counter(
        {
            process.pid: sum(
                item.status == psutil.CONN_ESTABLISHED and item.laddr.port == served.port
                for item in process.net_connections("tcp")
            )
            for process in served.processes()
        }
    )
    assert sum(counts.values()) == CONNECTIONS and max(counts.values()) <= 1.5 * CONNECTIONS / 2
    victim, other = served.processes()
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: len(served.processes()) == 2 and victim.pid not in {process.pid for process in served.processes()})
    assert other.pid in {process.pid for process in served.processes()}
    for client in clients:
        client.close()

    settings = Settings(home=tmp_path / "home", _env_file=None)
    database = Database(settings.database)
    insert_network(database, LocalFiles(settings.home / "files"), "run_one")
    database.close()
    body = {"instances": [[0] * 784]}
    for _ in range(8):  # either process answers, each over a connection of its own
        assert httpx.post(f"{served.url}/predict?run=run_one", json=body).status_code == 200
    for _ in range(4):  # whichever process answers, it has the sum over all, also over the one that was killed
        metrics = httpx.get(f"{served.url}/metrics").text
        assert 'antigrad_requests_total{method="POST",route="/predict",status="200"} 8.0' in metrics
        assert f'antigrad_requests_total{{method="GET",route="/healthz",status="200"}} {CONNECTIONS}.0' in metrics


@pytest.mark.long
def test_what_has_begun_ends_before_its_process(served: Served) -> None:
    """An import's upload is under way when the service is asked to end."""
    half_way, go_on = threading.Event(), threading.Event()

    def pieces() -> Iterator[bytes]:
        yield b"a,b,c\n1,2,x\n"
        half_way.set()
        assert go_on.wait(60)
        yield b"3,4,y\n" * 10

    answers: list[int] = []

    def upload() -> None:
        answers.append(
            httpx.post(f"{served.url}/datasets?name=rows&target=c", content=pieces(), timeout=60).status_code
        )

    sending = threading.Thread(target=upload)
    sending.start()
    assert half_way.wait(60)
    listening = {process.pid for process in served.processes()}
    served.parent.terminate()
    until(lambda: not {process.pid for process in served.processes()} & listening)
    go_on.set()
    sending.join()
    assert answers == [202]
