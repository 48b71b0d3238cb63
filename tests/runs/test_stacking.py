"""The signature of a request: what runs of one program share, and what each has for itself."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.storage.tables import Run
from tests.support.runs import SMALL
from tests.support.services import Service


@pytest.fixture
def signature(quick_client: TestClient, quick_service: Service) -> Any:
    def signature(**changes: Any) -> str | None:
        answer = quick_client.post("/runs", json=SMALL | changes)
        assert answer.status_code == 202, answer.text
        run = answer.json()["id"]
        quick_client.post(f"/runs/{run}/cancel")
        with quick_service.database.read() as db:
            return db.get_one(Run, run).stack

    return signature


OWN: list[dict[str, Any]] = [
    {"seed": 7},
    {"optimizer": {"name": "rmsprop", "lr": 0.003}},
    {"schedule": {"name": "cosine"}},
    {"stop": {"max_steps": 9}},
    {"clip_norm": 1.0},
    {"augment": {"shift": 0.1}},
    {"tags": {"course": "ml"}, "priority": 3, "name": "mine"},
]
SHARED: list[dict[str, Any]] = [
    {"dataset": "notmnist"},
    {"batch_size": 16},
    {"split": {"seed": 5}},
    {"normalise": "none"},
    {"loss": {"name": "cross_entropy", "label_smoothing": 0.1}},
    {"model": {"layers": [{"type": "linear", "units": 17}, {"type": "relu"}]}},
]
ALONE: list[dict[str, Any]] = [
    {"device": "cuda"},
    {"batch_size": "full"},
    {"batch_size": 1024},
    {"accumulate": 2},
    {"precision": "bf16"},
    {"model": {"layers": [{"type": "linear", "units": 8}, {"type": "dropout"}]}},
]


def test_what_each_run_has_for_itself_is_not_in_the_signature(signature: Any) -> None:
    whole = signature()
    assert whole is not None and {signature(**change) for change in OWN} == {whole}


def test_runs_that_share_no_program_have_other_signatures(signature: Any) -> None:
    signatures = [signature(), *(signature(**change) for change in SHARED)]
    assert None not in signatures and len(set(signatures)) == len(signatures)


@pytest.mark.parametrize("change", ALONE, ids=str)
def test_a_run_that_has_to_train_alone_has_none(signature: Any, change: dict[str, Any]) -> None:
    assert signature(**change) is None


def test_the_trials_of_experiments_train_alone(quick_client: TestClient, quick_service: Service) -> None:
    started = quick_client.post("/experiments/same_seed").json()
    runs = [run["run"] for run in started["runs"]]
    for run in runs:
        quick_client.post(f"/runs/{run}/cancel")
    with quick_service.database.read() as db:
        assert {db.get_one(Run, run).stack for run in runs} == {None}
