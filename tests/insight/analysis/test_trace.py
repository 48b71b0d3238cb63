"""Traces of one batch: they equal autograd's values by layer, and the written-out products."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from app.insight.analysis import backpropagation as hand
from app.insight.analysis.backpropagation import WrittenOut, write_out
from app.insight.analysis.trace import Trace, trace
from app.learning.architecture import build, flatten_layers, flatten_modules, rows
from app.learning.data import Data
from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, Linear, ReLU, Shape
from app.learning.layers.activations import ENTRIES, LeakyReLU, Sigmoid, Softmax, Tanh
from app.learning.layers.convolution import Conv2d, MaxPool2d
from app.learning.layers.normalisation import BatchNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.structure import Block, Residual
from app.learning.losses import MAE, MSE, BinaryCrossEntropy, CrossEntropy, Huber, Loss
from app.learning.optimizers import SGD
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training

PICTURES: Shape = (1, 8, 8)


def pictures() -> Data:
    numbers = torch.Generator().manual_seed(7)
    inputs = torch.randn(50, *PICTURES, generator=numbers)
    parts = {"train": torch.arange(10, 50), "validation": torch.arange(5), "test": torch.arange(5, 10)}
    return Data(inputs, torch.randint(3, (50,), generator=numbers), parts, Affine(), Affine())


def traced(layers: list[Layer], batch_size: int | None = 8, seed: int = 3, hand: bool = False) -> Trace:
    return trace([*layers, Linear(3)], PICTURES, CrossEntropy(), pictures(), batch_size, seed, hand)


NETWORKS: dict[str, list[Layer]] = {
    "linear": [Linear(16), ReLU()],
    "dropout": [Linear(16), ReLU(), Dropout(0.5)],
    "convolution": [Conv2d(6), BatchNorm(), ReLU(), MaxPool2d(), Block((Conv2d(8), ReLU()), 2)],
    "residual": [Conv2d(4), Residual((Conv2d(8, stride=2), ReLU(), Conv2d(8))), ReLU()],
    "frozen": [Linear(16, trainable=False), ReLU()],
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch_size", [8, None])
def test_it_is_what_the_first_step_of_a_training_sees(name: str, batch_size: int | None) -> None:
    found = traced(NETWORKS[name], batch_size)
    recipe = Recipe([*NETWORKS[name], Linear(3)], PICTURES, CrossEntropy(), SGD(lr=1.0), batch_size, Stop(), seed=3)
    training = Training(recipe, pictures(), torch.device("cpu"))
    before = {key: value.detach().clone() for key, value in training.model.named_parameters()}
    step = next(iter(training.steps()))
    assert found.loss == pytest.approx(step.loss, rel=1e-5)
    parameters = [parameter for layer in found.layers for parameter in layer.parameters]
    assert [parameter.name for parameter in parameters] == list(before)
    for parameter, (key, after) in zip(parameters, training.model.named_parameters(), strict=True):
        moved = float((before[key] - after.detach()).norm())  # η = 1 times the gradient
        assert parameter.values.norm == pytest.approx(float(before[key].norm()), rel=1e-5)
        assert (parameter.gradient.norm if parameter.gradient else 0.0) == pytest.approx(moved, rel=1e-3, abs=1e-5)
        assert parameter.gradient_before is None


def test_each_layer_has_its_output_and_the_gradient_by_it() -> None:
    found = traced([Linear(16), Sigmoid(), Linear(9), ReLU()])
    assert [(layer.type, layer.grad_fn) for layer in found.layers] == [
        ("flatten", None),
        ("linear", "AddmmBackward0"),
        ("sigmoid", "SigmoidBackward0"),
        ("linear", "AddmmBackward0"),
        ("relu", "ReluBackward0"),
        ("linear", "AddmmBackward0"),
    ]
    assert found.grad_fn == [
        "NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0", "AddmmBackward0",
        "SigmoidBackward0", "AddmmBackward0",
    ]  # fmt: skip
    assert found.layers[0].gradient is None  # no earlier layer learns
    assert all(layer.gradient is not None for layer in found.layers[1:])
    relu = found.layers[4]
    assert 0.1 < relu.output.zeros < 0.9 and relu.gradient is not None and relu.output.saturated is None
    assert found.layers[2].output.saturated == 0.0  # small weights keep it near 1/2
    assert found.loss == pytest.approx(found.blind_guess, abs=0.2)


def test_saturated_units_are_counted() -> None:
    data = pictures()
    loud = Data(data.inputs * 1000, data.targets, data.parts, Affine(), Affine())
    for kind in (Sigmoid(), Tanh()):
        found = trace([Linear(16), kind, Linear(3)], PICTURES, CrossEntropy(), loud, 8, 0, hand=False)
        saturated = found.layers[2].output.saturated
        assert saturated is not None and saturated > 0.9


def test_batch_norm_of_one_example_is_refused_however_many_were_asked_for() -> None:
    data = pictures()
    alone = Data(data.inputs, data.targets, data.parts | {"train": data.parts["train"][:1]}, Affine(), Affine())
    with pytest.raises(InvalidChoice, match="one number has no variance"):
        trace([Linear(4), BatchNorm(), Linear(3)], PICTURES, CrossEntropy(), alone, 8, 0, hand=False)


def test_the_same_seed_the_same_trace_and_nobody_elses_numbers_are_disturbed() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (traced(NETWORKS["dropout"]) for _ in range(2))
    assert first == second and first != traced(NETWORKS["dropout"], seed=4)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("layers", "batch_size", "pointer"),
    [
        ([Linear(200_000)], 1, "/model/layers/0"),  # parameters
        ([Block((Conv2d(64), ReLU()), 30)], 40, "/batch_size"),  # products
        ([Linear(5000), *[Block((Sigmoid(),), 90)] * 4], None, "/batch_size"),  # bytes
    ],
)
def test_what_would_not_fit_is_refused_with_what_would(
    layers: list[Layer], batch_size: int | None, pointer: str
) -> None:
    with pytest.raises(InvalidChoice, match="at most") as refused:
        traced(layers, batch_size)
    assert refused.value.pointer == pointer
    if pointer == "/batch_size":
        fits = int(refused.value.detail.split("batch_size of at most ")[1].replace(",", ""))
        assert 1 <= fits < (batch_size or 40)


def written(layers: list[Layer], inputs: Tensor, targets: Tensor, loss: Loss) -> tuple[WrittenOut, nn.Sequential]:
    torch.manual_seed(0)
    shape = tuple(inputs.shape[1:])
    model = build(layers, shape)
    loss.function(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
    places = list(flatten_layers(rows(layers, shape), opened=("sequence",)))
    return write_out(places, list(flatten_modules(model)), inputs, targets, loss), model


CLASSES = torch.tensor([0, 2, 1, 1])
VALUES = torch.tensor([0.3, -1.0, 2.0, 0.1])
SIGNS = torch.tensor([0, 1, 1, 0])


@pytest.mark.parametrize("activation", [entry() for entry in ENTRIES if entry is not Softmax], ids=lambda a: a.type)
def test_by_hand_is_what_autograd_finds_for_every_activation(activation: Layer) -> None:
    inputs = torch.rand(4, 5) + 0.5
    layers = [Linear(6), activation, Linear(3)]
    if activation.type == "log":  # only positive numbers
        layers = [activation, Linear(3)]
    found, _ = written(layers, inputs, CLASSES, CrossEntropy())
    assert 0 < found.largest_difference < 1e-6


@pytest.mark.parametrize(
    ("loss", "targets", "outputs"),
    [
        (CrossEntropy(), CLASSES, 3), (CrossEntropy(label_smoothing=0.2, reduction="sum"), CLASSES, 3),
        (BinaryCrossEntropy(), SIGNS, 1), (MSE(), VALUES, 1), (MSE(reduction="sum"), VALUES, 1),
        (MAE(), VALUES, 1), (Huber(), VALUES, 1),
    ],
)  # fmt: skip
def test_by_hand_is_what_autograd_finds_for_every_loss(loss: Loss, targets: Tensor, outputs: int) -> None:
    layers: list[Layer] = [Linear(6, bias=False), Tanh(), Block((Linear(5), LeakyReLU(0.1)), 2), Linear(outputs)]
    found, _ = written(layers, torch.randn(4, 2, 3, 1), targets, loss)
    assert 0 <= found.largest_difference < 1e-6


def test_the_lectures_chapter_in_small_integers() -> None:
    """N = 2 examples, D = 3 inputs, M = 2 units, then one output, with the lecture's loss: a sum of squares."""
    layers: list[Layer] = [Linear(2, bias=False), ReLU(), Linear(1, bias=False)]
    model = build(layers, (3,))
    first, second = (module for module in model if isinstance(module, nn.Linear))
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, 0, 2], [-1, 1, 0]]))  # W₁ᵀ
        second.weight.copy_(torch.tensor([[3.0, 2]]))
    x, y = torch.tensor([[1.0, 2, 0], [0, 1, 1]]), torch.tensor([4.0, 9])
    places = list(flatten_layers(rows(layers, (3,))))
    found = write_out(places, list(model), x, y, MSE(reduction="sum"))
    lines: list[tuple[str, Any]] = [(line.formula.split(":")[0], line.result.values) for line in found.products]
    assert lines == [
        ("Z₁ = X·W₁", [[1, 1], [2, 1]]),
        ("A₁ = relu(Z₁)", [[1, 1], [2, 1]]),
        ("Z₂ = A₁·W₂", [[5], [8]]),
        ("∂L/∂Z₂", [[2], [-2]]),  # 2(ŷ − y)
        ("∂L/∂W₂ = A₁ᵀ·∂L/∂Z₂", [[-2], [0]]),
        ("∂L/∂A₁ = ∂L/∂Z₂·W₂ᵀ", [[6, 4], [-6, -4]]),
        ("∂L/∂Z₁ = ∂L/∂A₁ ⊙ relu′(Z₁)", [[6, 4], [-6, -4]]),
        ("∂L/∂W₁ = Xᵀ·∂L/∂Z₁", [[6, 4], [6, 4], [-6, -4]]),
        ("∂L/∂X = ∂L/∂Z₁·W₁ᵀ", [[2, 4, 12], [-2, -4, -12]]),
    ]
    for line in found.products:
        assert line.result.shape == torch.tensor(line.result.values).shape
        assert all(factor.shape == torch.tensor(factor.values).shape for factor in line.factors)


def test_many_numbers_are_left_out_and_their_shapes_stay() -> None:
    found = traced([Linear(5), ReLU()], hand=True).by_hand
    assert found is not None
    first = found.products[0]
    assert [(factor.name, factor.shape, factor.values is None) for factor in first.factors] == [
        ("X", (8, 64), True), ("W₁", (64, 5), True), ("b₁", (1, 5), False)
    ]  # fmt: skip
    assert first.result.shape == (8, 5) and first.result.values is not None


def test_by_hand_is_for_small_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidChoice, match="dropout is not supported by hand") as refused:
        traced(NETWORKS["dropout"], hand=True)
    assert refused.value.pointer == "/model/layers/2"
    with pytest.raises(InvalidChoice, match="at most 50 linear layers"):
        traced([Block((Linear(4), ReLU()), 50)], hand=True)
    monkeypatch.setattr(hand, "MOST_PRODUCTS", 5000)
    with pytest.raises(InvalidChoice, match="a batch_size of at most 4") as refused:
        traced([Linear(16), ReLU()], hand=True)
    assert refused.value.pointer == "/batch_size"
