"""Spaces: combinations, conditions, joint choices, and what they make of a run's request."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Invalid
from app.runs.sweeps import study
from app.runs.sweeps.requests import SearchRequest, space_of
from app.runs.sweeps.space import Space

BASE = {
    "dataset": "digits",
    "optimizer": "adam",
    "model": {"layers": [{"type": "linear", "units": 8}, {"type": "relu"}]},
}
CONDITIONAL = {
    "optimizer.momentum": {"choices": [0.5, 0.9], "when": {"optimizer.name": ["momentum"]}},
    "optimizer.name": ["sgd", "momentum"],
    "optimizer.lr": [0.1, 0.01],
}


def space(**entries: Any) -> Space:
    return space_of(SearchRequest.model_validate({"random": entries}).random or {})


def test_a_grid_has_all_combinations_and_conditional_parameters_only_where_they_exist() -> None:
    found = list(space(**CONDITIONAL).grid())
    assert len(found) == 2 + 2 * 2
    with_momentum = [params for params in found if "optimizer.momentum" in params]
    assert len(with_momentum) == 4 and all(params["optimizer.name"] == "momentum" for params in with_momentum)
    assert len({str(sorted(params.items())) for params in found}) == len(found)


def test_each_value_occurs_in_a_corner() -> None:
    tried = space(
        **CONDITIONAL,
        batch_size={"low": 16, "high": 70, "step": 16, "integer": True},
        clip_norm={"low": 0.1, "high": 10.0, "log": True},
    )
    corners = list(tried.corners())
    assert all(map(tried.has, corners))
    assert {corner["batch_size"] for corner in corners} == {16, 64}  # 70 is no step
    assert {corner["clip_norm"] for corner in corners} == {0.1, 10.0}
    assert {corner.get("optimizer.momentum") for corner in corners} == {None, 0.5, 0.9}


def test_values_are_put_into_the_request_as_if_they_had_been_written_there() -> None:
    tried = space(
        **{
            "optimizer.name": ["momentum"],
            "optimizer.lr": [0.1],
            "model.layers.0.units": [16],
            "size": {"together": [{"batch_size": 32, "stop.max_epochs": 3}]},
        }
    )
    [params] = tried.grid()
    assert tried.request(BASE | {"stop": {"patience": 2}}, params) == {
        "dataset": "digits",
        "optimizer": {"name": "momentum", "lr": 0.1},
        "model": {"layers": [{"type": "linear", "units": 16}, {"type": "relu"}]},
        "batch_size": 32,
        "stop": {"patience": 2, "max_epochs": 3},
    }
    assert BASE["model"]["layers"][0] == {"type": "linear", "units": 8}  # type: ignore[index]


def test_another_entry_of_a_registry_keeps_no_fields_of_the_one_before() -> None:
    base = BASE | {"optimizer": {"name": "adam", "betas": [0.8, 0.9]}}
    tried = space(**{"optimizer.name": ["sgd", "adam"]})
    first, second = (tried.request(base, params)["optimizer"] for params in tried.grid())
    assert first == {"name": "sgd"} and second == {"name": "adam", "betas": [0.8, 0.9]}


@pytest.mark.parametrize("path", ["model.layers.7.units", "model.layers.7", "model.other.0.units"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(Invalid) as refused:
        space(**{path: [1]}).request(BASE, {path: 1})
    assert refused.value.message.code == "sweep_path_missing" and refused.value.pointer == f"/{path}"


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ({"optimizer.lr": {"choices": [1], "when": {"x": [1]}}}, "sweep_condition_unknown"),
        ({name: {"choices": [1], "when": {other: [1]}} for name, other in ("ab", "ba")}, "sweep_conditions_circular"),
        ({"split.seed": [1, 2]}, "sweep_field_fixed"),
        ({"any": {"together": [{"seed": 1}]}}, "sweep_field_fixed"),
    ],
)  # fmt: skip
def test_what_no_space_can_have_is_refused(entries: dict[str, Any], code: str) -> None:
    with pytest.raises(Invalid) as refused:
        space(**entries)
    assert refused.value.message.code == code


numbers = st.floats(1e-6, 1e6, allow_nan=False)
ranges = st.builds(
    lambda low, span, log: {"low": low, "high": low + span, "log": log}, numbers, st.floats(0.001, 1e6), st.booleans()
)
whole = st.builds(
    lambda low, span, step: {"low": low, "high": low + span, "step": step, "integer": True},
    st.integers(0, 100), st.integers(1, 100), st.integers(1, 7),
)  # fmt: skip
entries = st.dictionaries(
    st.sampled_from(["optimizer.lr", "batch_size", "clip_norm", "model.layers.0.units"]),
    ranges | whole | st.lists(st.integers(1, 9) | st.text(max_size=3), min_size=1, max_size=4, unique=True),
    min_size=1,
)


@settings(max_examples=40)
@given(entries, st.sampled_from(["random", "tpe"]), st.integers(0, 2**63 - 1))
def test_what_is_drawn_is_in_the_space_and_is_drawn_again(sent: dict[str, Any], sampler: str, seed: int) -> None:
    tried = space(**sent)
    results = [study.known(params, float(number)) for number, params in enumerate(tried.corners())]
    params = study.draw(sampler, tried, results, maximize=True, seed=(seed, 3))
    assert tried.has(params)
    assert study.draw(sampler, tried, results, maximize=True, seed=(seed, 3)) == params


def test_a_resolved_request_is_read_as_its_configuration() -> None:
    tried = space(
        **CONDITIONAL,
        **{"optimizer": {"together": [{"batch_size": 16}, {"batch_size": 32}]}},
    )
    resolved = {"optimizer": {"name": "momentum", "lr": 0.01, "momentum": 0.9, "nesterov": False}, "batch_size": 32}
    assert tried.read(resolved) == {
        "optimizer.name": "momentum", "optimizer.lr": 0.01, "optimizer": {"batch_size": 32}, "optimizer.momentum": 0.9
    }  # fmt: skip
    assert tried.read(resolved | {"batch_size": 64}) is None
    assert tried.read(resolved | {"optimizer": {"name": "adam", "lr": 0.01}}) is None
