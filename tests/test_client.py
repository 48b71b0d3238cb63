"""The user's commands against a real service, and what scripts may rely on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_docs import service

__all__ = ["service"]


def antigrad(service: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {"ANTIGRAD_URL": f"http://{service}"}
    command = [sys.executable, "-m", "app.cli", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


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
