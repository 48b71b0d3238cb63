"""The products of an ensemble are those with which its steps took less of the processor's time."""

import time
from collections.abc import Callable

import pytest

from app.learning.ensemble import products
from app.learning.ensemble.ensemble import Ensemble, Taken
from app.learning.ensemble.products import quicker
from app.learning.layers import Linear, ReLU
from app.learning.losses import CrossEntropy
from app.learning.optimizers import SGD
from tests.support.ensembles import CPU, data_for, recipe

ONE = recipe([Linear(8), ReLU()], CrossEntropy(), SGD())


@pytest.mark.parametrize(("batched", "own", "wanted"), [(1.0, 2.0, "batched"), (2.0, 1.0, "own")])
def test_the_quicker_products_are_chosen(
    batched: float, own: float, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, take_step = 0.0, Ensemble.step

    def step(ensemble: Ensemble) -> list[Taken]:
        nonlocal now
        seconds, taken = batched if ensemble.stacked else own, take_step(ensemble)
        now += seconds * len(taken)
        return taken

    monkeypatch.setattr(Ensemble, "step", step)
    monkeypatch.setattr(time, "process_time", lambda: now)
    assert quicker(ONE, data_for(ONE.loss), 3) == wanted


def test_a_measurement_disturbs_no_data_and_no_choice_is_needed_for_one_member(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = data_for(ONE.loss)
    before = data.inputs.clone(), data.targets.clone()
    assert quicker(ONE, data, 2) in products.MEMBERS
    assert data.inputs.equal(before[0]) and data.targets.equal(before[1])
    steps: list[Callable[[], object]] = []
    monkeypatch.setattr(Ensemble, "step", steps.append)
    assert quicker(ONE, data, 1) == "own" and not steps
    assert data.inputs.device == CPU
