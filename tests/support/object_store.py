"""A real S3 server for tests, from the package `moto`, behind a proxy that can be closed."""

import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.support.processes import free_port

ACCESS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",  # no network request if a test removes the keys
}


class Door:
    """A loopback port that forwards to another one. The server keeps its data in memory, so tests do not stop it:
    they shut the door, which cuts every connection."""

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.port = 0
        self.open()

    def open(self) -> None:
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def shut(self) -> None:
        for connection in (self.listener, *self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                outside, _ = listener.accept()
                inside = socket.create_connection(("127.0.0.1", self.behind))
                self.connections += outside, inside
                for pair in ((outside, inside), (inside, outside)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class ObjectStore:
    """One server per test session, one bucket per test. This process and its children find it through the
    environment."""

    def __init__(self) -> None:
        port = free_port()
        command = [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.http.get("/").raise_for_status()
                break
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < deadline
                time.sleep(0.05)
        self.door = Door(port)
        self.environment = pytest.MonkeyPatch()
        for name, value in ACCESS.items():
            self.environment.setenv(name, value)
        self.environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{self.door.port}")
        for name in [name for name in os.environ if name.startswith("FSSPEC_") or name == "AWS_PROFILE"]:
            self.environment.delenv(name)
        self.buckets = 0

    def new_bucket(self) -> str:
        """Create an empty bucket; returns its name."""
        self.buckets += 1
        name = f"bucket-{self.buckets}"
        self.http.put(f"/{name}").raise_for_status()
        return name

    def keys(self, bucket: str) -> set[str]:
        """The keys of all objects in a bucket."""
        answer = self.http.get(f"/{bucket}", params={"list-type": "2"}).raise_for_status()
        return set(re.findall("<Key>(.*?)</Key>", answer.text))

    def refuse(self, bucket: str) -> None:
        """Deny everyone all actions in this bucket."""
        policy = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        document = {"Version": "2012-10-17", "Statement": [policy]}
        self.http.put(f"/{bucket}?policy", json=document).raise_for_status()

    def close(self) -> None:
        self.environment.undo()
        self.door.shut()
        self.http.close()
        self.process.terminate()
        self.process.wait(30)
