from dataclasses import replace
from typing import Any

import pytest

from app.learning.ensemble.eligibility import obstacle, pays
from app.learning.layers import Layer, Linear, ReLU
from app.learning.layers.normalisation import LayerNorm
from app.learning.layers.regularisation import Dropout
from app.learning.losses import CrossEntropy
from app.learning.optimizers import SGD
from app.learning.recipe import Recipe
from tests.support.ensembles import recipe

ONE = recipe([Linear(64), ReLU()], CrossEntropy(), SGD())


@pytest.mark.parametrize(
    ("layers", "reason"),
    [([Dropout()], "/model/layers/0 is dropout"), ([Linear(4), LayerNorm()], "/model/layers/1 is layer_norm")],
)
def test_layers_say_if_one_program_can_evaluate_them(layers: list[Layer], reason: str) -> None:
    found = obstacle(recipe(layers, CrossEntropy(), SGD()))
    assert found is not None and found.startswith(reason)
    assert obstacle(ONE) is None


@pytest.mark.parametrize(
    ("field", "reason"),
    [({"accumulate": 2}, "accumulates"), ({"precision": "bf16"}, "bf16"), ({"batch_size": None}, "all the training")],
)
def test_a_setting_that_needs_a_program_of_its_own_is_named(field: dict[str, Any], reason: str) -> None:
    found = obstacle(replace(ONE, **field))
    assert found is not None and reason in found


def pictures(batch_size: int) -> Recipe:
    return replace(ONE, input_shape=(1, 28, 28), batch_size=batch_size)


def test_it_pays_while_the_fixed_cost_of_a_step_is_more_than_its_products() -> None:
    assert pays(pictures(16)) and pays(pictures(32))
    assert not pays(pictures(128))
