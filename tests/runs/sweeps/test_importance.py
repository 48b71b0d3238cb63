"""The importance of parameters, on results whose differences are known."""

import math
from typing import Any

import pytest

from app.errors import Conflict
from app.runs.sweeps.definition import Definition
from app.runs.sweeps.importance import importances
from app.runs.sweeps.plan import Search
from app.runs.sweeps.requests import SearchRequest, space_of
from app.runs.sweeps.trials import END, Trial, TrialRun

GRID: dict[str, Any] = {
    "optimizer.lr": [0.001, 0.01, 0.1, 1.0],
    "batch_size": [16, 32, 64],
    "optimizer.name": ["sgd", "momentum"],
    "optimizer.momentum": {"choices": [0.5, 0.9], "when": {"optimizer.name": ["momentum"]}},
}


def trials(value: Any) -> tuple[Definition, list[Trial]]:
    space = space_of(SearchRequest.model_validate({"grid": GRID}).grid or {})
    definition = Definition({}, "grid", space, [0], "validation.accuracy", Search(True, 36), [], None)
    made = [
        Trial(number, params, None, [TrialRun(0, f"run_{number}", 0, {END: value(params)}, "succeeded", False)])
        for number, params in enumerate(space.grid())
    ]
    return definition, made


def test_the_parameter_that_decides_explains_most() -> None:
    def value(params: dict[str, Any]) -> float:
        return -abs(math.log10(params["optimizer.lr"]) + 2) + 0.01 * (params["batch_size"] == 32)

    found = importances(*trials(value))
    first, *others = found.parameters
    assert first.name == "optimizer.lr" and first.low > 0.9
    assert all(one.high < 0.1 for one in others)
    assert all(0 <= one.low <= one.share <= one.high <= 1 for one in found.parameters)
    assert found.left_out == ["optimizer.momentum"] and found.trials == 36
    text = found.sentence.text()
    assert text.startswith("optimizer.lr matters most: it explains") and "may matter as much" not in text


def test_a_second_parameter_that_may_matter_as_much_is_named() -> None:
    def value(params: dict[str, Any]) -> float:
        return float(params["batch_size"] == 32) + float(params["optimizer.lr"] == 0.1)

    found = importances(*trials(value))
    assert {one.name for one in found.parameters[:2]} == {"batch_size", "optimizer.lr"}
    assert found.sentence.text().endswith(f"; {found.parameters[1].name} may matter as much")


def test_few_trials_and_equal_ones_explain_nothing() -> None:
    definition, made = trials(lambda _: 0.5)
    for some, code in ((made[:7], "sweep_too_few_trials"), (made, "sweep_without_differences")):
        with pytest.raises(Conflict) as refused:
            importances(definition, some)
        assert refused.value.message.code == code
