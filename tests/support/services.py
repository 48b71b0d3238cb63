"""A service in this process: the real app over a home and a database of its own."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from tests.support.postgres import Postgres


@dataclass(frozen=True)
class Service:
    """What a test does to a service, over HTTP and behind its back."""

    client: TestClient
    database: Database
    files: Files
    settings: Settings

    @classmethod
    def of(cls, client: TestClient) -> "Service":
        state: Any = client.app.state  # type: ignore[attr-defined]
        return cls(client, state.database, state.files, state.settings)


class Template:
    """A service that has been started once: each test begins with a copy of its home or of its database."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "template"
        self.start(Settings(home=self.home, _env_file=None))
        self.in_postgres: str | None = None

    def start(self, settings: Settings) -> None:
        with TestClient(create_app(settings)):
            pass

    def fill(self, home: Path) -> None:
        """Make a home that has been started."""
        shutil.copytree(self.home, home)

    def database(self, postgres: Postgres) -> str:
        """The URL of a new database whose datasets lie in a home that `fill` has made."""
        if self.in_postgres is None:
            self.in_postgres = postgres.new_database()
            self.start(Settings(home=self.home, database_url=self.in_postgres, _env_file=None))
        return postgres.new_database(self.in_postgres)
