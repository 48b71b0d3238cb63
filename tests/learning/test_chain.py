from unittest.mock import patch

import pytest
import torch

from app.learning.chain import Chain
from app.learning.data import Data
from app.learning.layers import Layer, Linear, ReLU, Sigmoid, Tanh
from app.learning.layers.structure import Block
from app.learning.losses import LOSSES
from app.learning.optimizers import Adam, Optimizer
from app.learning.preprocessing import Affine
from app.learning.stopping import Stop
from app.learning.training import Recipe, Training
from tests.learning.test_optimizers import EVERY_OPTIMIZER

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


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("layers", CHAINS.values(), ids=CHAINS)
def test_by_hand_is_what_autograd_does(layers: list[Layer], loss: str, optimizer: Optimizer) -> None:
    by_hand = training(layers, loss, optimizer)
    with patch.object(Chain, "fits", return_value=False):
        reference = training(layers, loss, optimizer)
    assert by_hand.chain is not None and reference.chain is None
    for ours, theirs in zip(by_hand.steps(), reference.steps(), strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-5)
    for ours, theirs in zip(by_hand.model.parameters(), reference.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layers", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("loss", LOSSES)
def test_its_gradients_are_those_of_the_definition(layers: list[Layer], loss: str) -> None:
    run = training(layers, loss, Adam())
    assert run.chain is not None
    run.model.double()
    learning = [parameter for parameter in run.model.parameters() if parameter.requires_grad]
    inputs, targets = run.data.batch(torch.arange(16), run.device)
    inputs, targets = inputs.double(), targets.double() if targets.is_floating_point() else targets
    run.chain.learn(inputs, targets)
    expected = torch.autograd.grad(run.recipe.loss.function(run.model(inputs), targets), learning)
    for parameter, gradient in zip(learning, expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-10, atol=1e-12)
