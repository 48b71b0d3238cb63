"""`antigrad models shadow`, `drift`, `predictions` and `feedback`, and `antigrad label`."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.conftest import digit
from tests.support.commands import antigrad


@pytest.fixture(scope="module")
def watched(address: str, trained: str) -> str:
    """A model that logs everything, and has a run in its shadow."""
    done = antigrad(address, "promote", trained, "digits-watched", "--shadow", trained, "--log", "1")
    assert done.returncode == 0, done.stderr
    return "digits-watched"


def shown(address: str, *words: str) -> Any:
    return json.loads(antigrad(address, *words, "--json").stdout)


def test_predictions_are_logged_labelled_and_compared(address: str, watched: str, tmp_path: Path) -> None:
    predicted = antigrad(address, "predict", watched, str(digit(address, tmp_path)), "--json")
    [logged] = json.loads(predicted.stdout)["logged"]
    while logged not in [item["id"] for item in shown(address, "models", "predictions", watched)["items"]]:
        time.sleep(0.1)
    assert logged in antigrad(address, "models", "predictions", watched, "--unlabelled", COLUMNS="40").stdout
    labelled = antigrad(address, "label", logged, "3")
    assert labelled.returncode == 0 and labelled.stdout.endswith("right is 3\n"), labelled.stderr
    feedback = antigrad(address, "models", "feedback", watched)
    assert feedback.stdout.startswith(f"{watched}: 1 predictions logged, 1 labelled\n")
    saved = antigrad(address, "models", "feedback", watched, "--out", str(tmp_path / "corrected.npz"))
    assert saved.returncode == 0 and np.load(tmp_path / "corrected.npz")["targets"].tolist() == ["3"]
    while shown(address, "models", "shadow", watched)["compared"] == 0:
        time.sleep(0.1)
    said = antigrad(address, "models", "shadow", watched).stdout
    assert "agreed on 1 of 1 inputs (100.0%)\nfailed 0, dropped 0\n" in said
    drift = antigrad(address, "models", "drift", watched)
    assert drift.returncode == 0 and "too few inputs to judge, 1 inputs examined" in drift.stdout


def test_a_label_that_cannot_be_says_what_would_be_right(address: str, watched: str) -> None:
    for words, said in (
        (["label", "prd_x"], "give the right class"),
        (["label", "prd_x", "B", "--value", "1"], "give the right class"),
        (["label", "prd_x", "B"], "no logged prediction has the id 'prd_x'"),
        (["models", "shadow", "none"], "no model is called 'none'"),
    ):
        refused = antigrad(address, *words)
        assert refused.returncode == 2 and said in refused.stderr and refused.stdout == ""
