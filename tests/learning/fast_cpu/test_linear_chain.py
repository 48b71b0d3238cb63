from collections.abc import Iterator
from itertools import product
from typing import Any
from unittest.mock import patch

import pytest
import torch
from _pytest.mark import ParameterSet
from torch import Tensor, nn

from app.learning.data import Data
from app.learning.fast_cpu.batches import Batch
from app.learning.fast_cpu.linear_chain import ACTIVATIONS, LinearChain
from app.learning.fast_cpu.stepper import LinearChainStepper
from app.learning.fast_cpu.updates import FlatUpdate
from app.learning.layers import Layer, Linear, ReLU, Sigmoid, Tanh
from app.learning.layers.structure import Block
from app.learning.losses import LOSSES, MSE, CrossEntropy, Loss
from app.learning.optimizers import SGD, Adam, Optimizer
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training
from tests.support.optimizers import EVERY_OPTIMIZER

CHAINS: dict[str, list[Layer]] = {
    "linear": [],
    "relu": [Linear(8), ReLU()],
    "without bias": [Linear(8, bias=False), ReLU()],
    "nested": [Block((Linear(6), Tanh()), repeat=2)],
    "frozen below": [Linear(8, trainable=False), ReLU(), Linear(5), Tanh()],
    "frozen in the middle, slow at the bottom": [Linear(8, lr_factor=0.1), ReLU(), Linear(5, trainable=False), Tanh()],
    "starts with an activation": [Tanh(), Linear(8), Sigmoid()],
    "deep": [Linear(8), Sigmoid(), Linear(7), Tanh(), ReLU(), Linear(6), Linear(5), ReLU()],
}


def filled(inputs: Tensor, targets: Tensor) -> Batch:
    """A batch with these inputs and targets."""
    batch = Batch.like(inputs, targets)
    batch.inputs.copy_(inputs)
    batch.targets.copy_(targets)
    return batch


def training(layers: list[Layer], loss: str, optimizer: Optimizer) -> Training:
    numbers = torch.Generator().manual_seed(3)
    inputs = torch.randn(50, 1, 2, 3, generator=numbers)
    classes = torch.randint(4, (50,), generator=numbers)
    entry = LOSSES[loss]()
    outputs, targets = entry.outputs(4), torch.randn(50, generator=numbers)
    if entry.task == "classification":
        targets = classes if outputs == 4 else classes % 2
    parts = {"train": torch.arange(40), "validation": torch.arange(40, 45), "test": torch.arange(45, 50)}
    data = Data(inputs, targets, parts, Affine(), Affine())
    recipe = Recipe([*layers, Linear(outputs)], (1, 2, 3), entry, optimizer, 16, Stop(max_epochs=10), seed=0)
    return Training(recipe, data, torch.device("cpu"))


def combinations() -> Iterator[ParameterSet]:
    """Every pair of a chain, a loss and an optimizer; all other combinations run with the long tests."""
    for (row, chain), (column, optimizer) in product(enumerate(CHAINS), enumerate(EVERY_OPTIMIZER)):
        for place, loss in enumerate(LOSSES):
            marks = () if place == (row + column) % len(LOSSES) else pytest.mark.long
            yield pytest.param(CHAINS[chain], loss, optimizer, id=f"{chain}-{loss}-{optimizer!r}", marks=marks)


@pytest.mark.parametrize(("layers", "loss", "optimizer"), list(combinations()))
def test_by_hand_is_what_autograd_does(layers: list[Layer], loss: str, optimizer: Optimizer) -> None:
    by_hand = training(layers, loss, optimizer)
    with patch.object(LinearChainStepper, "fits", return_value=False):
        reference = training(layers, loss, optimizer)
    assert (by_hand.stepper.gradients, reference.stepper.gradients) == ("by hand", "autograd")
    for ours, theirs in zip(by_hand.steps(), reference.steps(), strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    for ours, theirs in zip(by_hand.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("loss", LOSSES)
def test_its_gradients_are_those_of_the_definition(layers: list[Layer], loss: str) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        run = training(layers, loss, Adam())
    finally:
        torch.set_default_dtype(torch.float32)
    assert isinstance(run.stepper, LinearChainStepper)
    learning = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
    inputs, targets = run.data.batch(torch.arange(16), run.device)
    inputs, targets = inputs.double(), targets.double() if targets.is_floating_point() else targets
    run.stepper.chain.loss_and_gradients(filled(inputs, targets))
    expected = torch.autograd.grad(run.recipe.loss.function(run.model(inputs), targets), learning)
    for parameter, gradient in zip(learning, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)


# The lecture's two layers: T = σ(XW₁), Ŷ = TW₂, L = Σ(ŷ − y)², for N = 2 examples of D = 3 numbers and M = 2 units. By
# hand, in whole numbers: ∂L/∂W₂ = Tᵀ·∂L/∂Ŷ, ∂L/∂T = ∂L/∂Ŷ·W₂ᵀ, ∂L/∂W₁ = Xᵀ·∂L/∂T, ∂L/∂X = ∂L/∂T·W₁ᵀ, where ∂L/∂T
# has first to pass σ.
X = [[1, 0, 2], [-1, 3, 1]]
W1 = [[1, -1], [0, 2], [1, 1]]
T = [[3, 1], [0, 8]]  # a ReLU does not change it, and passes no gradient at its 0
W2 = [[2], [-1]]
OUTPUTS, TARGETS, LOSS = [[5], [-8]], [4, -7], 2
BY_OUTPUTS = [[2], [-2]]
BY_W2 = [[6], [-14]]
BY_T = [[4, -2], [-4, 2]]
BETWEEN: dict[str, tuple[list[nn.Module], Any, Any]] = {  # the layer in between, ∂L/∂W₁, ∂L/∂X
    "nothing": ([], [[8, -4], [-12, 6], [4, -2]], [[6, -4, 2], [-6, 4, -2]]),
    "relu": ([nn.ReLU()], [[4, -4], [0, 6], [8, -2]], [[6, -4, 2], [-2, 4, 2]]),
}


def layer(weights: Any) -> nn.Linear:
    """A linear layer with these weights, which PyTorch stores transposed."""
    found = nn.Linear(len(weights), len(weights[0]), bias=False, dtype=torch.float64)
    found.weight.data = torch.tensor(weights, dtype=torch.float64).t().contiguous()
    return found


def by_chain(*modules: nn.Module) -> list[Any]:
    """Gradients with respect to the weights of each layer. The first layer multiplies the identity, so its weights
    are its output, and their gradient is that with respect to the inputs of the rest."""
    model = nn.Sequential(*modules)
    chain = LinearChain(model, MSE(reduction="sum"), FlatUpdate(SGD(), SGD().build(model.parameters())))
    loss = chain.loss_and_gradients(
        filled(torch.eye(2, dtype=torch.float64), torch.tensor(TARGETS, dtype=torch.float64))
    )
    assert loss == LOSS
    return [module.weight.grad.t().tolist() for module in modules if isinstance(module, nn.Linear)]  # type: ignore[union-attr]


@pytest.mark.parametrize("between", BETWEEN)
def test_the_lectures_two_layers_by_hand_are_what_the_chain_gives(between: str) -> None:
    σ, by_w1, by_x = BETWEEN[between]
    assert by_chain(layer(X), layer(W1), *σ, layer(W2)) == [by_x, by_w1, BY_W2]
    assert by_chain(layer(T), layer(W2)) == [BY_T, BY_W2]


@pytest.mark.parametrize("between", BETWEEN)
def test_the_lectures_two_layers_by_hand_are_what_autograd_gives(between: str) -> None:
    σ, by_w1, by_x = BETWEEN[between]
    x, w1, w2 = (torch.tensor(values, dtype=torch.float64, requires_grad=True) for values in (X, W1, W2))
    t = nn.Sequential(*σ)(x @ w1)
    outputs = t @ w2
    assert (t.tolist(), outputs.tolist()) == (T, OUTPUTS)
    loss = MSE(reduction="sum").function(outputs, torch.tensor(TARGETS, dtype=torch.float64))
    assert loss == LOSS
    found = torch.autograd.grad(loss, (x, w1, t, w2, outputs))
    assert [gradient.tolist() for gradient in found] == [by_x, by_w1, BY_T, BY_W2, BY_OUTPUTS]


@pytest.mark.parametrize("loss", [MSE(), CrossEntropy(), CrossEntropy(label_smoothing=0.1, reduction="sum")], ids=repr)
@pytest.mark.parametrize("between", [nn.Identity(), nn.ReLU(), nn.Sigmoid(), nn.Tanh()], ids=str)
def test_the_lectures_products_of_matrices_are_autograds_for_any_loss(loss: Loss, between: nn.Module) -> None:
    numbers = torch.Generator().manual_seed(0)
    outputs = loss.outputs(4)
    x, w1, w2 = (
        torch.randn(shape, generator=numbers, dtype=torch.float64, requires_grad=True)
        for shape in ((5, 3), (3, 6), (6, outputs))
    )
    targets = torch.randint(4, (5,), generator=numbers)
    if loss.task == "regression":
        targets = targets.double()
    u = x @ w1
    t = between(u)
    y = t @ w2
    found = torch.autograd.grad(loss.function(y, targets), (w2, t, w1, x))
    with torch.no_grad():
        by_y = loss.gradient(y, targets)
        by_t = by_y @ w2.t()
        by_u = ACTIVATIONS[type(between)].derivative(by_t.clone(), t) if type(between) in ACTIVATIONS else by_t
        expected = (t.t() @ by_y, by_t, x.t() @ by_u, by_u @ w1.t())
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
