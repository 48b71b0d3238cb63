"""Gradient, shape and size of every layer, found by inspection of the registry."""

from typing import Any

import pytest
import torch
from torch import nn

from app.learning.architecture import (
    MAX_LAYERS,
    build,
    parameter_groups,
    rows,
    with_output_layer,
    without_output_layer,
)
from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, Linear, Normal, ReLU
from app.learning.layers.activations import Softmax
from app.learning.layers.convolution import Conv2d, MaxPool2d
from app.learning.layers.serialization import layers_from_json, layers_to_json
from app.learning.layers.structure import Block, Flatten, Residual
from tests.support.layers import every_layer


@pytest.mark.parametrize(("layer", "shape"), list(every_layer()))
def test_its_gradient_is_what_finite_differences_say(layer: Layer, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    module = layer.module(shape).double().eval()  # in training mode, dropout would draw new numbers for each difference
    inputs = torch.rand((4, *shape), dtype=torch.float64) + 0.1  # positive, as the logarithm requires
    if layer.type not in ("log", "square"):
        inputs = inputs * torch.where(torch.rand(inputs.shape) < 0.5, -1, 1)
    inputs.requires_grad_()
    assert torch.autograd.gradcheck(module, (inputs,))
    for name, parameter in module.named_parameters():
        others = {key: value for key, value in module.named_parameters() if key != name}

        def of(value: torch.Tensor, name: str = name, others: Any = others) -> torch.Tensor:
            return torch.func.functional_call(module, others | {name: value}, (inputs.detach(),))

        assert torch.autograd.gradcheck(of, (parameter.detach().clone().requires_grad_(),))


@pytest.mark.parametrize(("layer", "shape"), list(every_layer()))
def test_its_shape_and_its_size_are_those_of_the_module(layer: Layer, shape: tuple[int, ...]) -> None:
    module = layer.module(shape)
    assert tuple(module(torch.rand(4, *shape)).shape[1:]) == layer.output_shape(shape)
    learnt = sum(parameter.numel() for parameter in module.parameters())
    assert learnt == layer.parameters(shape) and layer.has_parameters == (learnt > 0)
    assert layers_from_json(layers_to_json([layer])) == [layer]


def products(layer: Layer, shape: tuple[int, ...]) -> int:
    """Multiply-adds by PyTorch's counter, which counts a product and a sum as two."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        layer.module(shape).eval()(torch.rand(1, *shape))
    return counter.get_total_flops() // 2


@pytest.mark.parametrize(("layer", "shape"), list(every_layer()))
def test_its_products_are_those_that_pytorch_counts(layer: Layer, shape: tuple[int, ...]) -> None:
    assert layer.multiply_adds(shape) == products(layer, shape)


@pytest.mark.parametrize("outputs", [10, 4])
def test_a_picture_is_flattened_before_a_linear_layer_and_the_output_layer_follows(outputs: int) -> None:
    layers = with_output_layer([Conv2d(3), ReLU(), Linear(4)], outputs)
    assert [place.layer.type for place in rows(layers, (1, 8, 8))] == [
        "conv2d", "relu", "flatten", "linear", *(["linear"] if outputs == 10 else [])
    ]  # fmt: skip
    assert build(layers, (1, 8, 8))(torch.rand(2, 1, 8, 8)).shape == (2, outputs)


def test_an_output_layer_that_is_there_is_taken_with_at_most_one_softmax_behind_it() -> None:
    assert with_output_layer([Linear(10), Softmax()], 10) == [Linear(10), Softmax()]
    assert with_output_layer([Linear(10), Softmax(), Softmax()], 10)[-1] == Linear(10)
    assert with_output_layer([Linear(10), ReLU()], 10)[-1] == Linear(10)
    assert with_output_layer([Linear(10)], 2) == [Linear(10), Linear(2)]


def test_an_output_layer_that_may_have_been_appended_can_be_replaced() -> None:
    hidden: list[Layer] = [Linear(8), ReLU()]
    assert without_output_layer(with_output_layer(hidden, 10)) == hidden
    for own in ([*hidden, Linear(10, bias=False)], [*hidden, Linear(10), Softmax()]):
        assert without_output_layer(with_output_layer(own, 10)) == own


@pytest.mark.parametrize(
    ("layers", "pointer", "said"),
    [
        ([Linear(3), Conv2d(3)], "/model/layers/1", "needs pictures"),
        ([Conv2d(3, kernel_size=9, padding=0)], "/model/layers/0/kernel_size", "at most 8"),
        ([MaxPool2d(2), MaxPool2d(2), MaxPool2d(2), MaxPool2d(2)], "/model/layers/3/kernel_size", "at most 1"),
        ([Block((Conv2d(3), MaxPool2d(4)), 3)], "/model/layers/0/layers/1/kernel_size", "does not fit"),
        ([Residual((Flatten(),))], "/model/layers/0/layers", "cannot be added"),
        ([Linear(10**6), Linear(10**6)], "/model/layers/1", "at most 100,000,000"),
        ([Block((Block((ReLU(),) * 50, 100),), 100)], "/model/layers/0/layers/0/layers", f"{MAX_LAYERS:,} layers"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(layers: list[Layer], pointer: str, said: str) -> None:
    with pytest.raises(InvalidChoice, match=said) as refused:
        rows(layers, (1, 8, 8))
    assert refused.value.pointer.startswith(pointer)


def test_layers_within_layers_are_bounded() -> None:
    deep: Layer = ReLU()
    for _ in range(9):
        deep = Block((deep,))
    with pytest.raises(InvalidChoice, match="8 deep"):
        rows([deep], (3,))


def test_the_initial_weights_are_spread_as_was_asked() -> None:
    torch.manual_seed(0)
    inputs, units = 300, 200
    for init, spread in (
        ("xavier", (2 / (inputs + units)) ** 0.5),
        ("he", (2 / inputs) ** 0.5),
        ("default", (1 / (3 * inputs)) ** 0.5),
        (Normal(std=0.5), 0.5),
        ("zeros", 0.0),
    ):
        module = Linear(units, init=init).module((inputs,))  # type: ignore[arg-type]
        assert isinstance(module, nn.Linear)
        assert float(module.weight.detach().std()) == pytest.approx(spread, rel=0.02)
        assert init == "default" or not module.bias.any()


def test_each_layers_learning_rate_is_its_factor_of_the_optimizers_and_a_frozen_one_has_none() -> None:
    layers = [Linear(4, lr_factor=0.1), ReLU(), Linear(4, trainable=False), ReLU(), Linear(3)]
    model = build(layers, (5,))
    groups = parameter_groups(model)
    assert sorted((group["lr_factor"], [tuple(p.shape) for p in group["params"]]) for group in groups) == [
        (0.1, [(4, 5), (4,)]),
        (1.0, [(3, 4), (3,)]),
    ]


def test_softmax_is_stable_and_sums_to_one_over_the_channels() -> None:
    for shape in ((7,), (7, 3, 2)):
        shares = Softmax().module(shape)(torch.randn(2, *shape) * 1e4)
        assert shares.isfinite().all()
        torch.testing.assert_close(shares.sum(1), torch.ones(2, *shape[1:]))


def test_vgg16_has_the_parameters_that_the_paper_counts() -> None:
    from app.learning.presets import PRESETS

    preset = PRESETS["vgg16"]
    layers = with_output_layer(layers_from_json(preset.layers), preset.outputs)
    assert sum(place.layer.parameters(place.shape) for place in rows(layers, preset.input_shape, 10**9)) == 138_357_544
    with pytest.raises(InvalidChoice, match="at most 100,000,000"):
        rows(layers, preset.input_shape)


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels last"])
@pytest.mark.parametrize(("inputs", "stride", "padding"), [(1, 2, 0), (4, 2, 0), (4, 3, 1), (12, 2, 0)])
def test_windows_of_one_pixel_apart_from_one_another_learn_as_their_definition_says(
    inputs: int, stride: int, padding: int, format: torch.memory_format
) -> None:
    layer = Conv2d(8, kernel_size=1, stride=stride, padding=padding).module((inputs, 8, 8)).to(memory_format=format)
    definition = nn.Conv2d(inputs, 8, 1, stride, padding).double()  # float64 uses another kernel
    definition.load_state_dict(layer.state_dict())
    for seed in range(20):
        numbers = torch.Generator().manual_seed(seed)
        x = torch.randn(8, inputs, 8, 8, generator=numbers).to(memory_format=format).requires_grad_()
        wanted = x.detach().double().requires_grad_()
        found, expected = layer(x), definition(wanted)
        slope = torch.randn(expected.shape, generator=numbers)
        ours = torch.autograd.grad(found, (x, *layer.parameters()), slope)
        theirs = torch.autograd.grad(expected, (wanted, *definition.parameters()), slope.double())
        for a, b in zip((found, *ours), (expected, *theirs), strict=True):
            torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-4)
