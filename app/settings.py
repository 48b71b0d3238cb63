"""Settings from the environment (`ANTIGRAD_*`) or a `.env` file. Each has a default."""

import re
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app import api_key
from app.access import Limits
from app.constants import BUSY_TIMEOUT_SECONDS, SETTINGS_PREFIX
from app.logs import LogFormat

URLS = "postgresql+psycopg://user:password@host/database for Postgres, or empty for SQLite under ANTIGRAD_HOME"

HOME_MODE = 0o700  # pictures and weights may be private


class SettingsRefused(Exception):
    """Some settings cannot be used. Each line of the message names one and says what is accepted."""


# An empty variable counts as unset: compose files and .env templates often contain empty ones.
SOURCES = SettingsConfigDict(
    env_prefix=SETTINGS_PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", allow_inf_nan=False
)


def _separated(text: object) -> object:
    """The parts of a text with commas; anything else is for pydantic to judge."""
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_separated)]


class Settings(BaseSettings):
    """The settings of one process."""

    model_config = SOURCES

    home: Path = Field(Path("data"), description="folder of the SQLite database and the files")
    database_url: str = Field("", description="postgresql+psycopg://… for Postgres; if empty, SQLite under home")
    database_connections: int = Field(
        40, ge=1, le=1000, description="connections to the database that an API process may have at once"
    )
    files_url: str = Field(
        "", description="s3://bucket/prefix for an object store; if empty, the folder files under home"
    )
    api_key: SecretStr | None = Field(
        None, description="the first admin key; if set, requests need a key; at least 16 characters"
    )
    api_key_file: Path | None = Field(None, description="a file that contains the API key, in place of api_key")
    hosts: Names = Field(
        (), description="without a key: further host names that the service answers under, with commas; * allows all"
    )
    origins: Names = Field(
        (), description="origins of web pages that may use the service, with commas, such as https://lab.example"
    )
    connections_per_peer: int = Field(256, ge=1, description="connections that one address may have at once")
    proxies: Names = Field(
        (), description="addresses of proxies, with commas: their limit is per address in X-Forwarded-For"
    )
    root_path: str = Field("", description="the path under which a proxy offers the service, such as /antigrad")
    processes: int = Field(
        1, ge=1, description="API processes among which limits are shared; antigrad serve --processes sets it"
    )
    log_format: LogFormat = Field("text", description="text, or json for one JSON object a line")
    access_log: bool = Field(False, description="write a line of log for each answer")
    trace_share: float = Field(1.0, ge=0, le=1, description="share of the requests that a collector gets spans of")
    lease_seconds: float = Field(
        30, gt=0, le=86_400, description="time without a heartbeat after which a worker's runs are taken over"
    )
    heartbeat_seconds: float = Field(5, gt=0, description="how often a worker renews its leases")
    poll_seconds: float = Field(0.02, gt=0, description="how often an idle worker looks for work")
    checkpoint_seconds: float = Field(5, ge=0, description="how often a running training is checkpointed")
    threads: int | None = Field(None, ge=1, description="CPU threads of a training; by default its share of the cores")
    stack_size: int = Field(
        8, ge=1, le=32, description="waiting runs of one architecture that train as one program; 1 means never"
    )
    limit_runs: int | None = Field(
        None, ge=0, description="default limit of a key: runs and batches that have not ended"
    )
    limit_seconds: float | None = Field(None, gt=0, description="default limit of a key: seconds that a run trains")
    limit_steps: int | None = Field(None, ge=1, description="default limit of a key: steps of a run")
    limit_bytes: int | None = Field(None, ge=0, description="default limit of a key: bytes of stored runs and datasets")
    limit_predictions: float | None = Field(None, gt=0, description="default limit of a key: predictions in a second")
    limit_priority: int | None = Field(None, description="default limit of a key: priority of a run")
    slice_seconds: float = Field(
        300, ge=0, description="after so long a run gives way to another owner's run that waits; 0 means never"
    )
    retention_days: float | None = Field(
        None,
        gt=0,
        le=36_500,
        description="delete runs and batches so many days after their end, but no run that a model points at",
    )
    flush_seconds: float = Field(0.5, gt=0, description="how often losses are written to the database")

    @field_validator("api_key")
    @classmethod
    def _is_a_key(cls, key: SecretStr | None) -> SecretStr | None:
        """Treat an empty key as unset. Refuse one that would lock everyone out, or that is easy to guess."""
        value = key.get_secret_value() if key is not None else ""
        return SecretStr(api_key.checked(value)) if value.strip() else None

    @field_validator("root_path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        """Leave out a final slash. Refuse what is no path."""
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", path):
            raise ValueError("is no path such as /antigrad: letters, digits and ._~- between slashes")
        return path.removesuffix("/")

    @field_validator("hosts")
    @classmethod
    def _are_host_names(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if host != "*" and (urlsplit(f"//{host}").netloc != host or urlsplit(f"//{host}").port is not None):
                raise ValueError(f"{host!r} is not a host name; write names such as lab.example without port, or *")
        return tuple(host.lower() for host in hosts)

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            if (
                parts.scheme not in ("http", "https")
                or not parts.hostname
                or origin != f"{parts.scheme}://{parts.netloc}"
            ):
                raise ValueError(f"{origin!r} is not an origin; write them as browsers do: https://lab.example")
        return origins

    @field_validator("proxies")
    @classmethod
    def _are_addresses(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(str(ip_address(proxy)) for proxy in proxies)
        except ValueError as error:
            raise ValueError(f"{error}; write addresses such as 192.0.2.7, with commas") from None

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, url: str) -> str:
        """Refuse an unusable URL, without repeating it: it may hold a password."""
        if not url:
            return url
        from sqlalchemy.engine import make_url  # imported late: client commands do not need it
        from sqlalchemy.exc import ArgumentError

        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            raise ValueError(f"it is not a database URL; give {URLS}") from None
        if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
            raise ValueError(f"the API and the workers cannot share an in-memory database; give {URLS}")
        if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
            raise ValueError(f"it begins with {parsed.drivername}://; give {URLS}")
        return url

    @model_validator(mode="after")
    def _the_key_may_be_in_a_file(self) -> Self:
        if self.api_key_file is None:
            return self
        if self.api_key is not None:
            raise ValueError("ANTIGRAD_API_KEY and ANTIGRAD_API_KEY_FILE are both set; unset one of them")
        try:
            self.api_key = SecretStr(api_key.read(self.api_key_file))
        except ValueError as error:
            raise ValueError(f"ANTIGRAD_API_KEY_FILE: {error}") from None
        return self

    @model_validator(mode="after")
    def _a_lease_is_renewed_in_time(self) -> Self:
        if self.poll_seconds > self.heartbeat_seconds:
            raise ValueError(
                f"ANTIGRAD_POLL_SECONDS is {self.poll_seconds:g}, but a worker cannot renew its leases more often than "
                f"it polls: give at most ANTIGRAD_HEARTBEAT_SECONDS, which is {self.heartbeat_seconds:g}"
            )
        waits = {"ANTIGRAD_HEARTBEAT_SECONDS": self.heartbeat_seconds}
        if self.database.startswith("sqlite"):
            waits["the time that a writer waits for SQLite"] = BUSY_TIMEOUT_SECONDS
        for name, seconds in waits.items():
            if self.lease_seconds < 3 * seconds:
                raise ValueError(
                    f"ANTIGRAD_LEASE_SECONDS is {self.lease_seconds:g}, so a healthy worker would lose its runs: "
                    f"give at least {3 * seconds:g}, three times {name}"
                )
        return self

    def create_home(self) -> None:
        """Create the home if it is missing, for this user alone. Raises OSError."""
        self.home.mkdir(HOME_MODE, parents=True, exist_ok=True)

    @property
    def limits(self) -> Limits:
        """The limits of keys that have none of their own."""
        return Limits(**{field.name: getattr(self, f"limit_{field.name}") for field in fields(Limits)})

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{(self.home / 'antigrad.db').resolve()}"

    @property
    def files(self) -> Path:
        """The folder of datasets, checkpoints and weights, where no `files_url` is given."""
        return self.home / "files"


def load() -> Settings:
    """The settings of the environment. Raises SettingsRefused."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsRefused("\n".join(_sentence(problem) for problem in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"the file .env cannot be read: {error}") from None


def _sentence(problem: ErrorDetails) -> str:
    """Pydantic's error with the variable's name; includes the value only if it cannot contain a secret."""
    variable = "".join(f"{SETTINGS_PREFIX}{field}".upper() for field in problem["loc"])
    if problem["type"] != "value_error":
        return f"{variable} is {problem['input']!r}; {problem['msg'].replace('Input', 'it', 1)}"
    reason = str(problem["ctx"]["error"])
    return f"{variable}: {reason}" if variable else reason  # an error about several variables names them itself
