"""Address of the service for client commands."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import typer

from app.constants import SETTINGS_PREFIX

LOOPBACK = ("127.0.0.1", "localhost", "::1")
DOTENV = Path(".env")


@dataclass(frozen=True)
class Address:
    """URL of the service, and its API key if it requires one. `notes` are lines for the user about both."""

    url: str = "http://127.0.0.1:8000"
    api_key: str | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


def address() -> Address:
    """Read ANTIGRAD_URL and ANTIGRAD_API_KEY by the rules of `Settings`: the environment takes precedence over .env,
    and an empty variable counts as unset. Importing pydantic's settings would take longer than the rest of a command.

    A key is sent only to a URL from the same source, or to this machine: a folder's .env must not be able to direct the
    key of the environment to a stranger. Raises OSError and UnicodeDecodeError if .env cannot be read.
    """
    sources = {"the environment": _variables(os.environ), str(DOTENV.resolve()): _variables(_dotenv())}
    of_url, url = next(
        ((name, values["url"]) for name, values in sources.items() if "url" in values), (None, Address.url)
    )
    keys = {name: values["api_key"] for name, values in sources.items() if "api_key" in values}
    notes = [f"ANTIGRAD_URL={url} is from {of_url}"] if of_url == str(DOTENV.resolve()) else []
    if _is_loopback(url):
        key = next(iter(keys.values()), None)
    else:
        key = keys.pop(of_url or "", None)
        if key is None:
            notes += [
                f"the ANTIGRAD_API_KEY from {name} is not sent: ANTIGRAD_URL is from {of_url}; set both in one place"
                for name in keys
            ]
    return Address(url, key, tuple(notes))


def _variables(source: Mapping[str, str | None]) -> dict[str, str]:
    """The URL and the key of a source, as far as they are set."""
    given = {name.upper(): value for name, value in source.items() if value}
    names = {name: f"{SETTINGS_PREFIX}{name}".upper() for name in ("url", "api_key")}
    return {name: given[variable] for name, variable in names.items() if variable in given}


def _is_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:  # the client will say what is wrong with it
        return False


def _dotenv() -> Mapping[str, str | None]:
    if not DOTENV.is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(DOTENV)


def say_address(host: str, port: int) -> None:
    """Print where the service is."""
    typer.echo(f"http://{f'[{host}]' if ':' in host else host}:{port} (docs at /docs)")
