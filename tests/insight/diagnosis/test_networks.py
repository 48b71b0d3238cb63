"""Changed networks keep everything but the one thing that is changed."""

from typing import Any

import pytest

from app.insight.diagnosis import networks

RELU, TANH, SIGMOID = ({"type": name} for name in ("relu", "tanh", "sigmoid"))


def linear(units: int, **fields: Any) -> dict[str, Any]:
    return {"type": "linear", "units": units, "init": "default"} | fields


def block(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"type": "block", "repeat": 2, "layers": list(layers)}


def test_initial_weights_fit_what_follows_and_the_output_has_the_default() -> None:
    before = [linear(8, init="zeros"), TANH, block(linear(8, init="zeros"), RELU), linear(3, init="zeros")]
    xavier, he = linear(8, init="xavier"), linear(8, init="he")
    assert networks.with_fitting_init(before) == [xavier, TANH, block(he, RELU), linear(3)]
    assert before[0]["init"] == "zeros"  # the run's own request stays


def test_relus_take_the_place_of_other_activations_at_any_depth() -> None:
    layers = [linear(8), SIGMOID, block(linear(8), SIGMOID), linear(3)]
    he = linear(8, init="he")
    assert networks.with_relu(layers, {"sigmoid"}) == [he, RELU, block(he, RELU), linear(3)]
    leaky = {"type": "leaky_relu"}
    assert networks.with_leaky_relu([linear(8), RELU, linear(3)]) == [he, leaky, linear(3)]


@pytest.mark.parametrize("ending", [[], [{"type": "softmax"}]])
def test_the_output_layer_gets_nothing_after_it(ending: list[dict[str, Any]]) -> None:
    layers = [linear(8), linear(8), linear(3), *ending]
    assert networks.with_relu_between(layers) == [linear(8), RELU, linear(8), RELU, linear(3), *ending]
    dropout = {"type": "dropout", "p": 0.5}
    assert networks.with_dropout([linear(8), RELU, linear(3), *ending]) == [
        linear(8), RELU, dropout, linear(3), *ending
    ]  # fmt: skip


def test_hidden_layers_are_widened_and_added() -> None:
    channels = {"type": "conv2d", "channels": 2, "kernel_size": 3}
    wide = networks.widened([channels, RELU, linear(2), RELU, linear(200), RELU, linear(3)], 16)
    assert wide == [channels | {"channels": 16}, RELU, linear(16), RELU, linear(200), RELU, linear(3)]
    assert networks.with_hidden_layer([linear(3)], 16) == [{"type": "linear", "units": 16}, RELU, linear(3)]
