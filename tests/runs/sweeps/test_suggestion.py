"""A sweep that goes on from runs: what it proposes, and that the API accepts it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import NotFound
from app.runs.sweeps.suggestion import Suggestion, of_dataset, of_runs
from app.storage import runs
from tests.support.services import Service

BASE: dict[str, Any] = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 8}]},
    "batch_size": 64,
    "stop": {"max_epochs": 2},
}
TABLE: dict[str, Any] = {"dataset": "diabetes", "stop": {"max_epochs": 2}}
WIDE = {"model": {"layers": [{"type": "linear", "units": 16}, {"type": "relu"}]}}
NORMED = {"model": {"layers": [{"type": "linear", "units": 8}, {"type": "batch_norm"}]}}
STEPS = {"stop": {"max_epochs": None, "max_steps": 50}}


def suggested(client: TestClient, *changes: dict[str, Any], base: dict[str, Any] = BASE) -> Suggestion:
    """The suggestion for runs of this request with these changes, which the API has resolved."""
    service = Service.of(client)
    answers = [client.post("/runs", json=base | each) for each in changes]
    assert all(answer.status_code == 202 for answer in answers), [answer.text for answer in answers]
    with service.database.read() as db:
        rows = [runs.get(db, answer.json()["id"]) for answer in answers]
    return of_runs(service.database, service.files, rows)


def accepted(client: TestClient, suggestion: Suggestion) -> bool:
    """True if the API takes the suggestion, with each sampler that it may be sent with."""
    request = dict(suggestion.request)
    space = request.pop("random")
    answers = [client.post("/sweeps", json=request | {sampler: space}) for sampler in ("random", "tpe")]
    return all(answer.status_code == 202 for answer in answers)


def test_numbers_become_ranges_and_texts_choices(quick_client: TestClient) -> None:
    suggestion = suggested(
        quick_client,
        {"optimizer": {"name": "sgd", "lr": 0.001}, "batch_size": 16, "normalise": "unit", "seed": 1, "name": "a"},
        {"optimizer": {"name": "sgd", "lr": 0.1}, "batch_size": 64, "normalise": "none", "tags": {"course": "ml"}},
        {"optimizer": {"name": "sgd", "lr": 0.01}, "batch_size": 32, "normalise": "none", "priority": 3},
    )
    assert suggestion.space == {
        "normalise": ["unit", "none"],
        "optimizer.lr": {"low": 0.001, "high": 0.1, "log": True},
        "batch_size": {"low": 16, "high": 64, "integer": True},
    }
    base = suggestion.request["base"]
    assert base["optimizer"] == {"name": "sgd", "weight_decay": 0.0, "formulas": "torch"}
    assert base["model"]["layers"][0]["units"] == 8 and base["stop"]["max_epochs"] == 2
    assert not base.keys() & {"name", "tags", "seed", "priority", "batch_size", "normalise"}
    assert suggestion.request["trials"] == 20 and suggestion.request["metric"] == "validation.accuracy"
    assert accepted(quick_client, suggestion)


def test_a_factor_of_ten_is_no_reason_for_a_log_scale(quick_client: TestClient) -> None:
    suggestion = suggested(quick_client, {"batch_size": 10}, {"batch_size": 100})
    assert suggestion.space == {"batch_size": {"low": 10, "high": 100, "integer": True}}
    suggestion = suggested(quick_client, {"batch_size": 8}, {"batch_size": 128})
    assert suggestion.space == {"batch_size": {"low": 8, "high": 128, "log": True, "integer": True}}


def test_optimizers_are_chosen_as_a_whole_with_the_rate_apart(quick_client: TestClient) -> None:
    suggestion = suggested(
        quick_client, {"optimizer": {"name": "sgd", "lr": 0.1}}, {"optimizer": {"name": "adam", "lr": 0.001}}
    )
    assert [choice["name"] for choice in suggestion.space["optimizer"]] == ["sgd", "adam"]
    assert suggestion.space["optimizer.lr"] == {"low": 0.001, "high": 0.1, "log": True}
    assert "optimizer" not in suggestion.request["base"] and accepted(quick_client, suggestion)


@pytest.mark.parametrize("changes", [[{}], [{"seed": 1}, {"seed": 2, "name": "again"}]])
def test_runs_that_are_alike_vary_the_rate(quick_client: TestClient, changes: list[dict[str, Any]]) -> None:
    suggestion = suggested(quick_client, *changes, base=BASE | {"optimizer": {"name": "sgd", "lr": 0.03}})
    assert suggestion.is_alike and suggestion.space == {"optimizer.lr": {"low": 0.003, "high": 0.3, "log": True}}
    assert accepted(quick_client, suggestion)


def test_a_small_space_has_no_more_trials_than_configurations(quick_client: TestClient) -> None:
    suggestion = suggested(quick_client, {"precision": "fp32"}, {"precision": "bf16"})
    assert suggestion.space == {"precision": ["fp32", "bf16"]} and suggestion.request["trials"] == 2


def test_values_that_do_not_go_together_stay_together(quick_client: TestClient) -> None:
    suggestion = suggested(quick_client, {"batch_size": "full"}, {"batch_size": 16, "accumulate": 4})
    assert suggestion.space == {
        "runs": {"together": [{"batch_size": "full", "accumulate": 1}, {"batch_size": 16, "accumulate": 4}]}
    }
    assert accepted(quick_client, suggestion)
    suggestion = suggested(quick_client, STEPS, {})
    assert [choice["max_steps"] for choice in suggestion.space["stop"]] == [50, None]
    assert accepted(quick_client, suggestion)


def test_a_sweep_is_on_one_dataset_and_one_split(quick_client: TestClient) -> None:
    of_table = quick_client.post("/runs", json=TABLE).json()["id"]
    service = Service.of(quick_client)
    ids = [
        quick_client.post("/runs", json=BASE | change).json()["id"]
        for change in ({"split": {"test": 0.3}}, {"batch_size": 32})
    ]
    with service.database.read() as db:
        rows = [runs.get(db, id) for id in [*ids, of_table]]
    suggestion = of_runs(service.database, service.files, rows)
    assert suggestion.others == 1 and suggestion.has_splits
    assert suggestion.request["base"]["split"]["test"] == 0.3
    assert suggestion.space == {"batch_size": {"low": 32, "high": 64, "integer": True}}
    assert accepted(quick_client, suggestion)


@pytest.mark.parametrize(
    "changes",
    [
        [{"split": {"validation": 0, "test": 0.9}, "batch_size": 16}, {"split": {"validation": 0}}],
        [{"split": {"folds": 5, "fold": 1}, "batch_size": 16}, {"split": {"folds": 5, "fold": 1}}],
        [WIDE, {}, NORMED],
        [WIDE | {"batch_size": 1}, NORMED | {"batch_size": 8}],
        [
            {"schedule": "cosine"},
            {"schedule": {"name": "step", "every": 5}},
            {"schedule": {"name": "step", "every": 9}},
        ],
        [{"schedule": "one_cycle"}, STEPS],
        [{"augment": {"shift": 0.1}}, {}, {"augment": {"rotate": 10}}],
        [{"loss": {"label_smoothing": 0.1}}, {}],
        [{"clip_norm": 1}, {}],
        [{"optimizer": {"name": "adam", "betas": [0.8, 0.9]}}, {"optimizer": {"name": "adam", "lr": 0.01}}],
        [{"optimizer": {"name": "momentum", "nesterov": True}}, {"optimizer": {"name": "momentum", "dampening": 0.5}}],
        [{"optimizer": {"name": "adam", "formulas": "lecture"}}, {"optimizer": {"name": "adam", "lr": 0.1}}],
        [{"stop": {"max_epochs": 5, "patience": 3}}, {"stop": {"max_epochs": 9, "target_loss": 0.1}}],
    ],
)
def test_the_api_accepts_each_proposal(quick_client: TestClient, changes: list[dict[str, Any]]) -> None:
    assert accepted(quick_client, suggested(quick_client, *changes))


def test_the_api_accepts_a_proposal_for_a_table(quick_client: TestClient) -> None:
    changes: list[dict[str, Any]] = [{"loss": "mae"}, {"scaling": {"target": "none"}}, {"loss": {"name": "huber"}}]
    suggestion = suggested(quick_client, *changes, base=TABLE)
    assert suggestion.request["metric"] == "validation.mse" and accepted(quick_client, suggestion)


@pytest.mark.parametrize(("dataset", "task"), [("digits", "classification"), ("diabetes", "regression")])
def test_the_api_accepts_the_small_sweep_of_a_dataset(quick_client: TestClient, dataset: str, task: str) -> None:
    assert accepted(quick_client, of_dataset(dataset, task))


def test_a_deleted_dataset_is_said(quick_client: TestClient) -> None:
    service = Service.of(quick_client)
    id = quick_client.post("/runs", json=BASE).json()["id"]
    with service.database.read() as db:
        run = runs.get(db, id)
    run.request = run.request | {"dataset": "gone"}
    with pytest.raises(NotFound):
        of_runs(service.database, service.files, [run])


OPTIMIZER = st.one_of(
    st.sampled_from(["sgd", "adam", "momentum", "rmsprop"]),
    st.fixed_dictionaries(
        {"name": st.sampled_from(["sgd", "adamw"]), "lr": st.floats(1e-6, 10)},
        optional={"weight_decay": st.sampled_from([0, 0.1])},
    ),
)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "optimizer": OPTIMIZER,
        "batch_size": st.sampled_from([1, 2, 16, 100, "full"]),
        "model": st.sampled_from([each["model"] for each in (WIDE, NORMED)]),
        "clip_norm": st.floats(0.01, 100),
        "accumulate": st.integers(1, 8),
        "schedule": st.sampled_from(["constant", "cosine", "one_cycle"]),
        "stop": st.sampled_from([STEPS["stop"], {"max_epochs": 2}, {"max_seconds": 5, "max_epochs": None}]),
        "seed": st.integers(0, 9),
    },
)


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, min_size=1, max_size=5))
def test_the_api_accepts_whatever_is_proposed(quick_client: TestClient, changes: list[dict[str, Any]]) -> None:
    possible = [each for each in changes if quick_client.post("/runs", json=BASE | each).status_code == 202]
    if possible:
        assert accepted(quick_client, suggested(quick_client, *possible))
