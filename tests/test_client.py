"""The user's commands against a real service, and what scripts may rely on."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
from rich.console import Console
from rich.progress import Progress

from app.client import COLUMNS, STATUSES, news
from tests.test_docs import README, service, serving

__all__ = ["service"]


def antigrad(
    service: str, *arguments: str, at: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | ({"ANTIGRAD_URL": f"http://{service}"} if service else {}) | variables
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, env=environment, cwd=at, capture_output=True, text=True, check=False, timeout=120)


def test_a_user_trains_watches_predicts_and_repeats(service: str, tmp_path: Path) -> None:
    trained = antigrad(
        service, "train", "digits", "--layers", "32", "relu", "--optimizer", "adam", "--epochs", "3", "--json"
    )
    assert trained.returncode == 0, trained.stderr
    run = json.loads(trained.stdout)
    layers = run["request"]["model"]["layers"]
    assert [layer["type"] for layer in layers] == ["linear", "relu", "linear"] and layers[0]["units"] == 32

    watched = antigrad(service, "watch", "last")
    assert watched.returncode == 0 and run["id"] in watched.stdout and "accuracy" in watched.stdout

    picture = tmp_path / "three.png"
    subprocess.run(["curl", "-sS", f"http://{service}/datasets/digits/images/3.png", "-o", picture], check=True)
    predicted = antigrad(service, "predict", run["id"], str(picture), "--json")
    assert json.loads(predicted.stdout)["predictions"][0]["label"] in "0123456789"

    folded = antigrad(service, "train", "digits", "--epochs", "1", "--set", "split.folds=3", "--json", "--no-wait")
    assert json.loads(folded.stdout)["request"]["split"]["folds"] == 3, folded.stderr
    repeated = antigrad(service, "again", "last", "--set", "optimizer.lr=0.5", "--set", "stop.max_epochs=1", "--json")
    assert json.loads(repeated.stdout)["request"]["optimizer"]["lr"] == 0.5
    assert run["id"] in antigrad(service, "runs", "--json").stdout
    assert "digits" in antigrad(service, "runs").stdout


def test_exit_statuses_tell_scripts_what_happened(service: str) -> None:
    refused = antigrad(service, "train", "digits", "--layers", "32", "relux")
    assert refused.returncode == 2 and "did you mean 'relu'" in refused.stderr and refused.stdout == ""
    diverged = antigrad(service, "train", "digits", "--optimizer", "sgd", "--lr", "1e9", "--json")
    assert diverged.returncode == 1 and json.loads(diverged.stdout)["stop_reason"] == "diverged"
    queued = antigrad(service, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    cancelled = antigrad(service, "cancel", queued)
    assert cancelled.returncode == 0 and "cancelled" in cancelled.stdout
    assert antigrad(service, "watch", queued).returncode == 4
    away = antigrad("127.0.0.1:1", "runs")
    assert away.returncode == 3 and "antigrad serve" in away.stderr


@pytest.mark.parametrize("module", ["torch", "sqlalchemy"])
def test_a_user_does_not_wait_for_what_only_the_service_needs(module: str) -> None:
    code = f"import sys, app.cli; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_taken_port_is_said_in_one_sentence(service: str) -> None:
    taken = antigrad(service, "serve", "--port", service.rsplit(":", 1)[1])
    assert taken.returncode == 1 and "choose another --port" in taken.stderr and "Traceback" not in taken.stderr
    beyond = antigrad(service, "serve", "--host", "0.0.0.0")
    assert beyond.returncode == 2 and "ANTIGRAD_API_KEY" in beyond.stderr


class Page(BaseHTTPRequestHandler):
    """What a proxy says on behalf of a service that is away, or another server on our port."""

    status, page, kind = 502, b"<html>Bad Gateway</html>", "text/html"

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Type", self.kind)
        self.end_headers()
        self.wfile.write(self.page)

    do_POST = do_GET

    def log_message(self, *_: object) -> None: ...


@contextmanager
def answering(status: int, page: bytes, kind: str) -> Iterator[str]:
    handler = type("ThisPage", (Page,), {"status": status, "page": page, "kind": kind})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", [["runs"], ["watch", "run_1"]], ids=" ".join)
@pytest.mark.parametrize(
    ("status", "page", "kind"),
    [(502, b"<html>", "text/html"), (200, b"<html>", "text/html"), (404, b'{"message": "?"}', "application/json")],
    ids=["a proxy", "a site", "another API"],
)
def test_what_is_not_antigrad_is_told_in_one_sentence(status: int, page: bytes, kind: str, command: list[str]) -> None:
    with answering(status, page, kind) as address:
        done = antigrad(address, *command)
    assert done.returncode == 3 and str(status) in done.stderr and "Traceback" not in done.stderr
    assert "not Antigrad" in done.stderr or "not by Antigrad" in done.stderr


def test_a_key_or_an_address_that_cannot_be_sent_is_told() -> None:
    key = antigrad("127.0.0.1:1", "runs", ANTIGRAD_API_KEY="schlüssel")
    assert key.returncode == 5 and "ANTIGRAD_API_KEY" in key.stderr and "Traceback" not in key.stderr
    address = antigrad("127.0.0.1:port", "runs")
    assert address.returncode == 2 and "ANTIGRAD_URL" in address.stderr and "Traceback" not in address.stderr


def test_address_and_key_may_stand_in_the_file_that_the_service_reads(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--workers", "0", ANTIGRAD_API_KEY="right") as locked:
        (tmp_path / ".env").write_text(f"ANTIGRAD_API_KEY=right\nANTIGRAD_URL=http://{locked}\n")
        assert antigrad("", "runs", at=tmp_path).returncode == 0
        assert antigrad("", "runs", at=tmp_path, ANTIGRAD_API_KEY="wrong").returncode == 5  # a variable comes first


def test_a_wrong_key_is_told_from_a_wrong_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("home"), "--workers", "0", ANTIGRAD_API_KEY="right") as locked:
        for wrong in ("wrong", ""):
            done = antigrad(locked, "runs", ANTIGRAD_API_KEY=wrong)
            assert done.returncode == 5 and "Authorization" in done.stderr
        assert antigrad(locked, "runs", ANTIGRAD_API_KEY="right").returncode == 0
        assert antigrad(locked, "train", "nothing", ANTIGRAD_API_KEY="right").returncode == 2


def test_the_list_of_runs_cuts_nothing_off(service: str) -> None:
    name = "a name [bold] of more words than stand in a line of eighty columns beside all that there is to say :smile:"
    run = antigrad(service, "train", "digits", "--epochs", "1", "--name", name, "--no-wait").stdout.strip()
    listed = antigrad(service, "runs", COLUMNS="80").stdout
    assert run in listed and name in listed


def test_the_line_of_a_run_fits_into_eighty_columns() -> None:
    metrics = {"train": {"loss": 1.2345e-5}, "validation": {"loss": 1.2345e-5, "accuracy": 0.98765}}
    line = io.StringIO()
    with Progress(*COLUMNS, console=Console(file=line, width=80)) as progress:
        said = news({"step": 123456, "max_steps": 250000, "metrics": metrics})
        progress.add_task("", total=1.0, completed=0.5, news=said)
    assert "123456/250000  loss 1.234e-05  validation accuracy 0.9877" in line.getvalue()


def test_leaving_a_run_says_how_to_come_back_and_lets_it_go_on(service: str) -> None:
    run = antigrad(service, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    environment = os.environ | {"ANTIGRAD_URL": f"http://{service}"}
    command = [sys.executable, "-m", "app.cli", "watch", run]
    watching = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert watching.stderr is not None
    assert run in watching.stderr.readline()
    deadline = time.monotonic() + 30
    while not psutil.Process(watching.pid).net_connections():  # before it, libraries that it loads may swallow a Ctrl-C
        assert time.monotonic() < deadline
        time.sleep(0.01)
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert f"antigrad watch {run}" in said and "the run goes on" in said and "Traceback" not in said
    assert httpx.get(f"http://{service}/runs/{run}").json()["status"] in ("queued", "running")
    antigrad(service, "cancel", run)


def test_version_and_exit_statuses_can_be_asked_for() -> None:
    version = antigrad("127.0.0.1:1", "--version")
    assert version.returncode == 0 and version.stdout.startswith("antigrad 0.")
    shown = " ".join(antigrad("127.0.0.1:1", "--help", COLUMNS="80").stdout.split())
    assert STATUSES in shown and STATUSES.removeprefix("Exit status: ").rstrip(".") in " ".join(README.split())
