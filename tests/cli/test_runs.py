"""Client commands against a real service, and their guarantees for scripts."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import psutil
import pytest
from PIL import Image, ImageOps
from rich.console import Console
from rich.progress import Progress

from app.cli.http import STATUSES
from app.cli.progress import COLUMNS, news
from tests.cli.conftest import digit
from tests.support.commands import CLI, antigrad, serving
from tests.support.fork_server import fork_server
from tests.support.services import KEY
from tests.support.site import in_thread

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_a_user_trains_watches_predicts_and_repeats(address: str, tmp_path: Path) -> None:
    trained = antigrad(
        address, "train", "digits", "--layers", "32", "relu", "--optimizer", "adam", "--epochs", "3", "--json"
    )
    assert trained.returncode == 0, trained.stderr
    run = json.loads(trained.stdout)
    layers = run["request"]["model"]["layers"]
    assert [layer["type"] for layer in layers] == ["linear", "relu", "linear"] and layers[0]["units"] == 32

    watched = antigrad(address, "watch", "last")
    assert watched.returncode == 0 and run["id"] in watched.stdout and "accuracy" in watched.stdout

    picture = tmp_path / "three.png"
    subprocess.run(["curl", "-sS", f"http://{address}/datasets/digits/images/3.png", "-o", picture], check=True)
    predicted = antigrad(address, "predict", run["id"], str(picture), "--json")
    assert json.loads(predicted.stdout)["predictions"][0]["label"] in "0123456789"

    folded = antigrad(address, "train", "digits", "--epochs", "1", "--set", "split.folds=3", "--json", "--no-wait")
    assert json.loads(folded.stdout)["request"]["split"]["folds"] == 3, folded.stderr
    repeated = antigrad(address, "again", "last", "--set", "optimizer.lr=0.5", "--set", "stop.max_epochs=1", "--json")
    assert json.loads(repeated.stdout)["request"]["optimizer"]["lr"] == 0.5
    assert run["id"] in antigrad(address, "runs", "--json").stdout
    assert "digits" in antigrad(address, "runs").stdout


def test_a_failed_run_is_fixed_with_one_command(address: str) -> None:
    wild = ("train", "digits", "--optimizer", "sgd", "--lr", "100", "--epochs", "5")
    failed = antigrad(address, *wild)
    run = failed.stdout.split()[0]
    assert f"antigrad fix {run}" in failed.stderr
    fixed = antigrad(address, "fix", run)
    assert fixed.returncode == 0 and "the loss rose" in fixed.stderr and "--set optimizer.lr=0.1" in fixed.stderr
    again = antigrad(address, "fix", run, "--no-wait", "--json")
    assert json.loads(again.stdout)["request"]["optimizer"]["lr"] == 0.1
    nothing = antigrad(address, "fix", antigrad(address, "train", "digits", "--no-wait").stdout.strip())
    assert nothing.returncode == 2 and "nothing to change" in nothing.stderr


def test_exit_statuses_tell_scripts_what_happened(address: str) -> None:
    refused = antigrad(address, "train", "digits", "--layers", "32", "relux")
    assert refused.returncode == 2 and "did you mean 'relu'" in refused.stderr and refused.stdout == ""
    diverged = antigrad(address, "train", "digits", "--optimizer", "sgd", "--lr", "1e9", "--json")
    assert diverged.returncode == 1 and json.loads(diverged.stdout)["stop_reason"] == "diverged"
    queued = antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    cancelled = antigrad(address, "cancel", queued)
    assert cancelled.returncode == 0 and "cancelled" in cancelled.stdout
    assert antigrad(address, "watch", queued).returncode == 4
    away = antigrad("127.0.0.1:1", "runs")
    assert away.returncode == 3 and "antigrad serve" in away.stderr


@pytest.mark.long
def test_last_is_no_run_of_an_experiment_however_many_came_after_it(address: str) -> None:
    own = antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    url = f"http://{address}"
    tried = [httpx.post(f"{url}/experiments/linear_collapse", json={"seeds": list(range(5))}).json() for _ in range(4)]
    assert sum(len(experiment["runs"]) for experiment in tried) > 50  # more than one page of the list
    cancelled = antigrad(address, "cancel", "last")
    for experiment in tried:
        httpx.post(f"{url}/runs/cancel", params={"tag": f"antigrad.experiment:{experiment['id']}"}).raise_for_status()
    assert cancelled.returncode == 0 and cancelled.stdout == f"{own} cancelled\n", cancelled.stderr


def test_a_run_predicts_by_the_name_of_a_model_too(address: str, trained: str, tmp_path: Path) -> None:
    picture = str(digit(address, tmp_path))
    httpx.put(f"http://{address}/models/digits-asked", json={"run": trained}).raise_for_status()
    named, plain = (antigrad(address, "predict", run, picture) for run in ("digits-asked", trained))
    assert named.returncode == 0 and named.stdout == plain.stdout
    assert named.stderr == f"{trained}\n" and plain.stderr == ""  # printed unless named
    unknown = antigrad(address, "predict", "words", picture)
    assert unknown.returncode == 2 and "no model is called 'words'; there are " in unknown.stderr


def test_of_several_pictures_those_that_cannot_be_read_are_named(address: str, trained: str, tmp_path: Path) -> None:
    good, broken, cut = digit(address, tmp_path), tmp_path / "broken.png", tmp_path / "cut.png"
    broken.write_text("no picture")
    cut.write_bytes(good.read_bytes()[:60])
    done = antigrad(address, "predict", trained, *map(str, (good, broken, cut)))
    assert done.returncode == 2 and done.stdout == ""
    assert f"{broken}: this is not a readable picture" in done.stderr and f"{cut}: this is not" in done.stderr
    assert str(good) not in done.stderr and "/image/" not in done.stderr


def test_ink_on_white_paper_is_read_by_a_network_of_light_on_dark(address: str, trained: str, tmp_path: Path) -> None:
    plain = digit(address, tmp_path)
    ink = tmp_path / "ink.png"
    ImageOps.invert(Image.open(plain).convert("L")).resize((56, 56), Image.Resampling.NEAREST).save(ink)
    told = antigrad(address, "predict", trained, str(ink))
    assert told.returncode == 2 and "or add --fit to have it converted" in told.stderr
    labels = []
    for arguments in ([str(plain)], [str(plain), "--invert"], [str(ink), "--fit", "--invert"], [str(ink), "--fit"]):
        done = antigrad(address, "predict", trained, *arguments, "--json")
        labels.append(json.loads(done.stdout)["predictions"][0]["label"])
    assert labels[0] == labels[1] == labels[2] != labels[3]


def test_what_is_known_of_a_run_is_said_before_and_after_it(address: str) -> None:
    diverged = antigrad(address, "train", "digits", "--optimizer", "sgd", "--lr", "1e9")
    before, *_, after, fix = diverged.stderr.splitlines()
    assert before.startswith("warning: /optimizer/lr: 1e+09 is large") and "is usual for sgd" in before
    assert after.startswith("with the learning rate 1e+09 the loss rose") and "to try: --set optimizer.lr=" in after
    assert fix.startswith("antigrad fix run_")
    learnt_nothing = antigrad(address, "train", "digits", "--lr", "1e-9", "--epochs", "3")
    assert learnt_nothing.returncode == 0 and "to try: --set optimizer.lr=0.001" in learnt_nothing.stderr
    sound = antigrad(address, "train", "digits", "--epochs", "3")
    assert "warning" not in sound.stderr and "to try" not in sound.stderr


def test_a_user_does_not_wait_for_what_only_the_service_needs() -> None:
    heavy = {"torch", "sqlalchemy", "numpy", "sklearn", "fastapi", "PIL"}
    commands = [
        ["runs"], ["train", "digits"], ["race", "digits", "sgd", "adam"], ["trace", "digits"], ["models"],
        ["experiments"], ["datasets", "show", "digits"], ["diagnose", "run_1"], ["predict", "letters", __file__],
        ["pause", "run_1"], ["promote", "run_1", "letters"], ["script", "run_1"],
    ]  # fmt: skip
    code = (
        "import contextlib, sys, app.cli.main\n"
        f"for command in {commands!r}:\n"
        "    with contextlib.suppress(SystemExit): app.cli.main.main(command)\n"
        f"print(*sorted({heavy!r} & sys.modules.keys()))"
    )
    environment = os.environ | {"ANTIGRAD_URL": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stderr.count("the service does not answer") == len(commands) and done.stdout.split() == []


def test_a_taken_port_is_said_in_one_sentence(address: str) -> None:
    taken = antigrad(address, "serve", "--port", address.rsplit(":", 1)[1])
    assert taken.returncode == 1 and "choose another --port" in taken.stderr and "Traceback" not in taken.stderr
    beyond = antigrad(address, "serve", "--host", "0.0.0.0")
    assert beyond.returncode == 2 and "ANTIGRAD_API_KEY" in beyond.stderr


class Page(BaseHTTPRequestHandler):
    """A page as from a proxy whose service is down, or from another server on the port."""

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
    with in_thread(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        yield f"127.0.0.1:{server.server_port}"


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
    assert "not Antigrad" in done.stderr


def test_a_key_or_an_address_that_cannot_be_sent_is_told() -> None:
    key = antigrad("127.0.0.1:1", "runs", ANTIGRAD_API_KEY="schlüssel")
    assert key.returncode == 5 and "ANTIGRAD_API_KEY" in key.stderr and "Traceback" not in key.stderr
    address = antigrad("127.0.0.1:port", "runs")
    assert address.returncode == 2 and "ANTIGRAD_URL" in address.stderr and "Traceback" not in address.stderr
    for without in ("localhost:8732", "127.0.0.1:8732", "htp://localhost:8732"):
        done = antigrad("", "runs", ANTIGRAD_URL=without)
        right = f"http://{without.removeprefix('htp://')}"
        assert done.returncode == 2 and done.stderr.endswith(f"; write {right}\n") and done.stderr.count("\n") == 1


def test_address_and_key_may_stand_in_the_file_that_the_service_reads(tmp_path: Path) -> None:
    with serving(tmp_path / "home", "--workers", "0", ANTIGRAD_API_KEY=KEY) as locked:
        (tmp_path / ".env").write_text(f"ANTIGRAD_API_KEY={KEY}\nANTIGRAD_URL=http://{locked}\n")
        assert antigrad("", "runs", folder=tmp_path).returncode == 0
        assert antigrad("", "runs", folder=tmp_path, ANTIGRAD_API_KEY="wrong").returncode == 5  # a variable wins


def test_a_wrong_key_is_told_from_a_wrong_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("home"), "--workers", "0", ANTIGRAD_API_KEY=KEY) as locked:
        for wrong in ("wrong", ""):
            done = antigrad(locked, "runs", ANTIGRAD_API_KEY=wrong)
            assert done.returncode == 5 and "set ANTIGRAD_API_KEY" in done.stderr
        assert antigrad(locked, "runs", ANTIGRAD_API_KEY=KEY).returncode == 0
        assert antigrad(locked, "train", "nothing", ANTIGRAD_API_KEY=KEY).returncode == 2


def test_the_list_of_runs_cuts_nothing_off(address: str) -> None:
    name = "a name [bold] of more words than stand in a line of eighty columns beside all that there is to say :smile:"
    run = antigrad(address, "train", "digits", "--epochs", "1", "--name", name, "--no-wait").stdout.strip()
    listed = antigrad(address, "runs", COLUMNS="80").stdout
    assert run in listed and name in listed


@pytest.mark.parametrize(
    ("width", "said"),
    [(80, "123456/250000  loss 1.234e-05  validation accuracy 0.9877"), (48, "123456/250000  loss 1.234e-05"),
     (40, "123456/250000")],
)  # fmt: skip
def test_the_line_of_a_run_fits_into_the_terminal(width: int, said: str) -> None:
    metrics = {"train": {"loss": 1.2345e-5}, "validation": {"loss": 1.2345e-5, "accuracy": 0.98765}}
    line = io.StringIO()
    with Progress(*COLUMNS, console=Console(file=line, width=width)) as progress:
        text = news({"step": 123456, "max_steps": 250000, "metrics": metrics}, width)
        progress.add_task("", total=1.0, completed=0.5, news=text)
    assert text == said and said in line.getvalue() and "━" in line.getvalue()


def test_leaving_a_run_says_how_to_come_back_and_lets_it_go_on(address: str) -> None:
    run = antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    watching = fork_server().start(CLI, "watch", run, pipes=["stderr"], ANTIGRAD_URL=f"http://{address}")
    assert watching.stderr is not None
    assert run in watching.stderr.readline()
    deadline = time.monotonic() + 30
    while not psutil.Process(watching.pid).net_connections():  # before that, imports may swallow a Ctrl-C
        assert time.monotonic() < deadline
        time.sleep(0.01)
    watching.send_signal(signal.SIGINT)
    _, said = watching.communicate(timeout=30)
    assert watching.returncode == 130
    assert f"antigrad watch {run}" in said and "the run continues" in said and "Traceback" not in said
    assert httpx.get(f"http://{address}/runs/{run}").json()["status"] in ("queued", "running")
    antigrad(address, "cancel", run)


def test_a_paused_run_is_said_to_be_paused_and_waited_for(address: str) -> None:
    run = antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait").stdout.strip()
    httpx.post(f"http://{address}/runs/{run}/pause").raise_for_status()
    while httpx.get(f"http://{address}/runs/{run}").json()["status"] != "paused":
        time.sleep(0.05)
    watching = fork_server().start(CLI, "watch", run, pipes=["stdout", "stderr"], ANTIGRAD_URL=f"http://{address}")
    assert watching.stderr is not None
    assert run in watching.stderr.readline()
    said = watching.stderr.readline()
    assert "paused" in said
    _, *resume = said.partition(": ")[2].partition("   ")[0].split()
    assert antigrad(address, *resume, "--no-wait").returncode == 0
    assert watching.poll() is None
    antigrad(address, "cancel", run)
    out, _ = watching.communicate(timeout=60)
    assert watching.returncode == 4 and "cancelled" in out


def test_version_and_exit_statuses_can_be_asked_for() -> None:
    version = antigrad("127.0.0.1:1", "--version")
    assert version.returncode == 0 and version.stdout.startswith("antigrad 0.")
    shown = " ".join(antigrad("127.0.0.1:1", "--help", COLUMNS="80").stdout.split())
    assert STATUSES in shown and STATUSES.removeprefix("Exit status: ").rstrip(".") in " ".join(README.split())
