"""The environments in `tests/clients`, which `make clients` creates."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "clients"


def tool(name: str) -> Path:
    """The path of a tool, such as `.venv/bin/schemathesis`. Skips the test if it is not installed."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path.name} is not installed; `make clients` does it")
    return path
