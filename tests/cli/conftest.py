"""A trained run on the shared service, and pictures for it."""

import json
from pathlib import Path

import httpx
import pytest

from tests.support.commands import antigrad


@pytest.fixture(scope="session")
def trained(address: str) -> str:
    """A run that was trained on digits."""
    done = antigrad(address, "train", "digits", "--epochs", "5", "--json")
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["id"])


def digit(address: str, folder: Path, index: int = 3) -> Path:
    """A picture of the digits as a file."""
    picture = folder / f"{index}.png"
    picture.write_bytes(httpx.get(f"http://{address}/datasets/digits/images/{index}.png").content)
    return picture
