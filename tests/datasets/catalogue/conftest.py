"""Fixtures for downloads from local servers, with a fake clock."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.datasets.catalogue.download import Downloaded, RetryPolicy, download
from app.datasets.catalogue.published import Remote
from app.messages import Message
from tests.support.site import Fetch, Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def mirror() -> Iterator[Site]:
    with serving() as site:
        yield site


BY_HAND = Message.of("fetch_by_hand", name="letters", source="a page", files=["letters.gz"], parts=["file=@letters.gz"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path to which `fetch` downloads the file."""
    return tmp_path / "letters"


@pytest.fixture
def pauses() -> list[float]:
    """The pauses between retries in seconds; none of them is really waited for."""
    return []


@pytest.fixture
def fetch(path: Path, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> Fetch:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def fetch(*sites: Site, known: dict[str, Any] | None = None, stall: float = 5.0, **given: Any) -> Downloaded:
        url, *mirrors = (f"{site.address}/letters.gz" for site in sites)
        remote = Remote("file", "letters.gz", url, tuple(mirrors), **(known or {}))
        policy = RetryPolicy(stall=stall, sleep=pauses.append)
        return download(remote, path, by_hand=BY_HAND, policy=policy, **given)

    return fetch
