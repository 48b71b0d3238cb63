"""A service in this process: the real app with a temporary home and database."""

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

KEY = "0123456789abcdef"  # as short as an API key may be


@dataclass(frozen=True)
class Service:
    """A service, its database and its files, for tests that use HTTP and also change data directly."""

    client: TestClient
    database: Database
    files: Files
    settings: Settings

    @classmethod
    def of(cls, client: TestClient) -> "Service":
        state: Any = client.app.state  # type: ignore[attr-defined]
        return cls(client, state.database, state.files, state.settings)


def client_of(settings: Settings, **options: Any) -> TestClient:
    """A client of the service with these settings; it calls the service by a name that needs no permission."""
    return TestClient(create_app(settings), base_url="http://localhost", **options)


class Template:
    """A service that has been started once. Each test begins with a copy of its home or database."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "template"
        self.start(Settings(home=self.home, _env_file=None))
        self.in_postgres: str | None = None

    def start(self, settings: Settings) -> None:
        with client_of(settings):
            pass

    def fill(self, home: Path) -> None:
        """Copy the home of the started service."""
        shutil.copytree(self.home, home)

    def client(self, home: Path, **settings: Any) -> TestClient:
        """A client of a service on a copy of the home."""
        self.fill(home)
        return client_of(Settings(home=home, _env_file=None, **settings))

    def database(self, postgres: Postgres) -> str:
        """Create a database whose datasets are in a home made by `fill`; returns its URL."""
        if self.in_postgres is None:
            self.in_postgres = postgres.new_database()
            self.start(Settings(home=self.home, database_url=self.in_postgres, _env_file=None))
        return postgres.new_database(self.in_postgres)
