from typing import Any

import pytest
import torch

from app.learning.data import Data
from app.learning.export import Trained, checkpoint_from_safetensors, checkpoint_to_safetensors, from_safetensors
from app.learning.layers import Linear, ReLU
from app.learning.losses import LOSSES
from app.learning.optimizers import SGD, Adam, Optimizer
from app.learning.preprocessing import Affine
from app.learning.schedules import Constant, Schedule
from app.learning.stopping import DivergenceLimits, Stop
from app.learning.training import Recipe, Training
from tests.learning.test_optimizers import EVERY_OPTIMIZER

CROSS_ENTROPY, MSE = LOSSES["cross_entropy"](), LOSSES["mse"]()


def training(optimizer: Optimizer, schedule: Schedule = Constant(), **stop: Any) -> Training:
    """A small network on 50 examples of 4 numbers, 3 classes, in batches of 16: the last of an epoch has 2."""
    numbers = torch.Generator().manual_seed(7)
    inputs, targets = torch.randn(50, 4, generator=numbers), torch.randint(3, (50,), generator=numbers)
    parts = {"train": torch.arange(40), "validation": torch.arange(40, 45), "test": torch.arange(45, 50)}
    data = Data(inputs, targets, parts, Affine(), Affine())
    layers = [Linear(8), ReLU(), Linear(3)]
    recipe = Recipe(layers, (4,), CROSS_ENTROPY, optimizer, 16, Stop(**stop), 0, schedule)
    return Training(recipe, data, torch.device("cpu"))


def network_of(run: Training) -> Trained:
    """What its weights file holds."""
    classes, shape = list("abc"), run.recipe.input_shape
    return Trained(
        run.model, run.recipe.layers, shape, "classification", classes, Affine(), Affine(), None, run.step, run.meaning
    )


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("at", [1, 2, 3, 4, 7])  # within an epoch, at its end (3), and in the next ones
def test_a_restored_training_goes_on_with_the_same_bits(optimizer: Optimizer, at: int) -> None:
    undisturbed = training(optimizer, max_epochs=4)
    losses = [step.loss for step in undisturbed.steps()]

    stopped = training(optimizer, max_epochs=4)
    for step in stopped.steps():
        if step.number == at:
            break
    network = network_of(stopped)
    file = checkpoint_to_safetensors(stopped.checkpoint(), network)
    restored = training(optimizer, max_epochs=4)
    restored.restore(checkpoint_from_safetensors(file))

    served = from_safetensors(file)  # a checkpoint can predict, too
    inputs = torch.randn(3, 4)
    assert served.step == at and torch.equal(served.outputs(inputs), network.outputs(inputs))
    stopped.model.train()

    assert [step.loss for step in restored.steps()] == losses[at:]
    for ours, theirs in zip(restored.model.parameters(), undisturbed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_finished_training_goes_on_as_if_it_had_been_asked_for_more() -> None:
    longer = training(Adam(), max_epochs=6)
    losses = [step.loss for step in longer.steps()]
    first = training(Adam(), max_epochs=3)
    assert [step.loss for step in first.steps()] == losses[:9]
    second = training(Adam(), max_epochs=6)
    second.restore(first.checkpoint())
    assert [step.loss for step in second.steps()] == losses[9:]


def test_every_example_is_seen_once_an_epoch_in_another_order() -> None:
    run = training(SGD())
    first, second = [], []
    for seen in (first, second):
        for indices in run._rest_of_epoch():
            seen += indices.tolist()
        run.position = len(seen)
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second


def test_steps_and_epochs_stop_where_they_say() -> None:
    assert [step.number for step in training(SGD(), max_steps=5).steps()] == [1, 2, 3, 4, 5]
    run = training(SGD(), max_epochs=2)
    assert len(list(run.steps())) == 2 * run.steps_per_epoch == 6
    assert run.stop_reason == "max_epochs"


def test_nan_diverges_at_once_and_a_high_loss_after_its_window() -> None:
    run = training(SGD(lr=1e9), max_epochs=50, divergence=DivergenceLimits(factor=10, window=3))
    steps = list(run.steps())
    assert run.stop_reason == "diverged"
    assert len(steps) <= 5  # the first step is the reference; three above it, or a NaN before
