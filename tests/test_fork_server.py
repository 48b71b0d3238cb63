"""Processes of the tests that are forked instead of started."""

import psutil
import pytest

from tests.support.fork_server import ForkServer, fork_server
from tests.support.processes import until


def test_a_signal_to_a_process_that_has_just_ended_goes_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    process = fork_server().start("app.cli.main", "--version", pipes=["stdout"])
    with monkeypatch.context() as unheard:
        unheard.setattr(ForkServer, "hear", lambda _: None)
        until(lambda: not psutil.pid_exists(process.pid))
        process.kill()
    assert process.wait() == 0
    process.close()
