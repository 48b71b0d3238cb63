"""An operating-system error is shown with a text, whether Python has one for its number or not."""

import errno
import os
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.os_errors import reason_of
from app.storage.files import LocalFiles

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data"), "No space left on device"),
        (OSError("the disk is away"), "the disk is away"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("of a library"), "of a library"),
    ],
)
def test_every_error_has_a_text(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_problem_shows_it(quick_client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(LocalFiles, "write", away)
    answer = quick_client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unready")
    assert answer.json()["params"] == {"reason": "TimeoutError"} and "TimeoutError" in answer.json()["detail"]


def test_no_other_module_shows_what_may_be_none() -> None:
    modules = [path for folder in ("app", "worker", "tools") for path in (ROOT / folder).rglob("*.py")]
    assert len(modules) > 100
    assert [path for path in modules if re.search(r"(?<!\bos)\.strerror\b", path.read_text())] == []
