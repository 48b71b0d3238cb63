"""Diagnostics of a training are correct and do not change it."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from app.insight.analysis.diagnostics import SHARE, Sample, Sampler, located
from app.learning.data import Data
from app.learning.layers import Layer, Linear, ReLU
from app.learning.layers.activations import Sigmoid, Tanh
from app.learning.layers.convolution import Conv2d
from app.learning.layers.initialisation import Normal
from app.learning.layers.normalisation import BatchNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.structure import Block, Residual
from app.learning.losses import LOSSES
from app.learning.optimizers import SGD, Adam, Momentum, Optimizer
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training

PICTURE = (1, 6, 6)
NETWORKS: dict[str, tuple[Layer, ...]] = {
    "chain": (Linear(8), ReLU(), Linear(8), Sigmoid(), Linear(3)),
    "batch norm and dropout": (Linear(8), BatchNorm(), ReLU(), Dropout(0.5), Linear(3)),
    "blocks": (
        Conv2d(4),
        Block((Residual((Conv2d(6), BatchNorm(), ReLU())), ReLU()), repeat=2),
        Linear(5),
        Tanh(),
        Linear(3),
    ),
}


def training(layers: tuple[Layer, ...], optimizer: Optimizer = Adam(), **stop: Any) -> Training:
    """80 small noise pictures in 3 classes, in batches of 16."""
    numbers = torch.Generator().manual_seed(7)
    inputs, targets = torch.randn(100, *PICTURE, generator=numbers), torch.randint(3, (100,), generator=numbers)
    parts = {"train": torch.arange(80), "validation": torch.arange(80, 90), "test": torch.arange(90, 100)}
    data = Data(inputs, targets, parts, Affine(), Affine())
    recipe = Recipe(
        list(layers), PICTURE, LOSSES["cross_entropy"](), optimizer, 16, Stop(**{"max_epochs": None} | stop), seed=0
    )
    return Training(recipe, data, torch.device("cpu"))


def sampled(run: Training, sampler: Sampler | None = None) -> dict[int, Sample]:
    """Train to the end; returns the samples by step."""
    sampler = sampler or Sampler(run, clock=idle(run))
    found: dict[int, Sample | None] = {}
    for step in run.steps():
        found[step.number] = sampler.look(last=run.stop_reason is not None)
    return {step: sample for step, sample in found.items() if sample is not None}


def idle(run: Training) -> Callable[[], float]:
    """A clock on which sampling takes no time."""
    return lambda: float(run.step)


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(), Adam()], ids=repr)
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_a_sample_changes_no_bit_of_a_run(layers: tuple[Layer, ...], optimizer: Optimizer) -> None:
    undisturbed = training(layers, optimizer, max_epochs=4)
    losses = [step.loss for step in undisturbed.steps()]
    watched = training(layers, optimizer, max_epochs=4)
    sampler, found, seen = Sampler(watched), 0, []
    for step in watched.steps():
        seen.append(step.loss)
        found += sampler.look(last=True) is not None  # as for the last step, so that each step is sampled
    assert found == len(losses) and seen == losses
    ours, theirs = watched.checkpoint().tensors, undisturbed.checkpoint().tensors
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_norms_and_updates_are_those_that_autograd_and_the_optimizer_make() -> None:
    run = training((Linear(8), ReLU(), Linear(3)), SGD(lr=0.1), max_steps=1)
    before = [p.detach().clone() for p in run.model.parameters()]
    found = sampled(run)[1]
    after = list(run.model.parameters())
    inputs, targets = run.data.batch(run.data.parts["train"], run.device)
    run.recipe.loss.function(run.model(inputs), targets).backward()  # type: ignore[no-untyped-call]

    def norm(tensors: list[Any]) -> float:
        return float(sum(t.detach().square().sum() for t in tensors)) ** 0.5

    for name, own in (("0", slice(0, 2)), ("2", slice(2, 4))):
        assert found[name]["gradient_norm"] == pytest.approx(norm([p.grad for p in after[own]]), rel=1e-5)
        assert found[name]["weight_norm"] == pytest.approx(norm(after[own]), rel=1e-5)
        change = norm([new - old for new, old in zip(after[own], before[own], strict=True)])
        assert found[name]["update_ratio"] == pytest.approx(change / norm(before[own]), rel=0.01)


def test_dead_saturated_and_twin_units_are_counted() -> None:
    alike = Linear(4, init="zeros"), Linear(3, init="zeros")
    run = training((Linear(8), ReLU(), Linear(8, init=Normal(std=100.0)), Tanh(), *alike), SGD(lr=1e-9), max_steps=1)
    with torch.no_grad():
        run.model[1].bias[:2] = -1e6  # after the implicit flatten
    found = sampled(run)[1]
    assert found["1"]["dead_units"] == 2 / 8
    assert found["3"]["saturated_units"] > 0.9
    assert (found["0"]["twin_units"], found["4"]["twin_units"]) == (0, 1)
    assert found["input"]["largest_column"] == pytest.approx(1, abs=0.1)


def test_layers_are_found_at_their_places_in_the_request() -> None:
    run = training(NETWORKS["blocks"])
    found = located(run.model, run.recipe.layers, PICTURE)
    assert [one.name for one in found] == [
        "0", "1.0.0.0", "1.0.0.1", "1.0.0.2", "1.0.1", "1.1.0.0", "1.1.0.1", "1.1.0.2", "1.1.1", "2", "3", "4"
    ]  # fmt: skip
    kinds: dict[str, type[nn.Module]] = {"conv2d": nn.Conv2d, "linear": nn.Linear, "relu": nn.ReLU, "tanh": nn.Tanh}
    kinds["batch_norm"] = nn.BatchNorm2d
    assert all(isinstance(one.module, kinds[one.layer.type]) for one in found)


def test_samples_become_rare_and_the_last_step_is_among_them() -> None:
    run = training(NETWORKS["chain"], max_steps=400)
    steps = list(sampled(run))
    assert steps[:5] == [1, 2, 4, 8, 16] and steps[-1] == 400
    assert {b - a for a, b in pairwise(steps[5:-1])} == {10}


def test_sampling_keeps_to_its_share_of_the_time() -> None:
    run = training(NETWORKS["chain"], max_steps=3000)
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.01  # each reading of the clock takes this long
        return now

    sampler = Sampler(run, clock=clock)
    steps = list(sampled(run, sampler))
    assert steps[0] == 1 and 3 < len(steps) < 70
    assert sampler.spent <= SHARE * now + 2 * sampler.took


def test_what_was_sampled_before_is_not_sampled_again() -> None:
    run = training(NETWORKS["chain"], max_steps=30)
    assert min(sampled(run, Sampler(run, after=17, clock=idle(run)))) == 18


def test_a_network_of_large_outputs_is_probed_with_what_a_batch_has_room_for() -> None:
    small, large = (training((Linear(units), ReLU(), Linear(3))) for units in (8, 2 * 10**6))
    assert (len(Sampler(small).probe), len(Sampler(large).probe)) == (80, 16)
    assert len(set(Sampler(small).probe.tolist())) == 80
