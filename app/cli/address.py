"""Address of the service for client commands."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.constants import SETTINGS_PREFIX


@dataclass(frozen=True)
class Address:
    """URL of the service, and its API key if it requires one."""

    url: str = "http://127.0.0.1:8000"
    api_key: str | None = field(default=None, repr=False)


def address() -> Address:
    """Read ANTIGRAD_URL and ANTIGRAD_API_KEY by the rules of `Settings`: the environment takes precedence over .env,
    and an empty variable counts as unset. Importing pydantic's settings would take longer than the rest of a command.

    Raises OSError and UnicodeDecodeError if .env cannot be read.
    """
    variables: dict[str, str] = {}
    for source in (_dotenv(), os.environ):
        variables |= {name.upper(): value for name, value in source.items() if value}
    names = {name: f"{SETTINGS_PREFIX}{name}".upper() for name in ("url", "api_key")}
    return Address(**{name: variables[variable] for name, variable in names.items() if variable in variables})


def _dotenv() -> Mapping[str, str | None]:
    if not Path(".env").is_file():
        return {}
    from dotenv import dotenv_values

    return dotenv_values(".env")
