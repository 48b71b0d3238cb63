"""Each fault injects its mistake and nothing else, and is exact across a checkpoint like any training."""

import pytest
import torch
from torch import nn

from app.insight.experiments.faults import FAULTS, InTraining, training_of
from app.learning.data import Data
from app.learning.layers import Linear, ReLU
from app.learning.layers.regularisation import Dropout
from app.learning.losses import MSE, CrossEntropy
from app.learning.optimizers import SGD
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training
from tests.support.training import by_autograd

CPU = torch.device("cpu")


def training(fault: str | None, max_steps: int = 6, dropout: float = 0.0) -> Training:
    """A small network on classes; for the broadcast loss on values."""
    numbers = torch.Generator().manual_seed(1)
    inputs = torch.randn(60, 5, generator=numbers)
    values = fault == "broadcast_loss"
    targets = inputs.sum(1) if values else (inputs.sum(1) > 0).long()
    order = torch.randperm(60, generator=numbers)
    data = Data(
        inputs=inputs,
        targets=targets,
        parts={"train": order[:40], "validation": order[40:50], "test": order[50:]},
        prepare_inputs=Affine(),
        prepare_targets=Affine(),
    )
    recipe = Recipe(
        layers=[Linear(8), ReLU(), *([Dropout(dropout)] if dropout else []), Linear(1 if values else 2)],
        input_shape=(5,),
        loss=MSE() if values else CrossEntropy(),
        optimizer=SGD(lr=0.1),
        batch_size=10,
        stop=Stop(max_steps=max_steps, max_epochs=None),
        seed=3,
    )
    return training_of(fault)(recipe, data, CPU)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_was_interrupted_goes_on_with_the_same_bits(fault: str) -> None:
    whole = training(fault)
    losses = [step.loss for step in whole.steps()]
    begun = training(fault, max_steps=3)
    first = [step.loss for step in begun.steps()]
    resumed = training(fault)
    resumed.restore(begun.checkpoint())
    rest = [step.loss for step in resumed.steps()]
    assert first + rest == losses
    for ours, theirs in zip(whole.model.parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def gradients(found: Training) -> list[torch.Tensor]:
    next(found.steps())
    return [parameter.grad.clone() for parameter in found.model.parameters() if parameter.grad is not None]


def test_ascent_has_the_other_sign() -> None:
    right, wrong = by_autograd(training(None)), training("ascent")
    for ours, theirs in zip(gradients(right), gradients(wrong), strict=True):
        torch.testing.assert_close(ours, -theirs)


def test_without_zero_grad_gradients_add_up() -> None:
    found, fresh = training("forgotten_zero_grad"), training(None)
    order = list(fresh._rest_of_epoch())
    steps, sums = found.steps(), [torch.zeros_like(parameter) for parameter in found.model.parameters()]
    for indices in order[:3]:
        inputs, targets = found.data.batch(indices, CPU)
        loss = found.recipe.loss.function(found.model(inputs), targets)
        own = torch.autograd.grad(loss, list(found.model.parameters()))
        sums = [before + gradient for before, gradient in zip(sums, own, strict=True)]
        next(steps)
        for parameter, total in zip(found.model.parameters(), sums, strict=True):
            torch.testing.assert_close(parameter.grad, total, atol=1e-5, rtol=1e-4)


def test_a_broadcast_loss_is_over_every_pair() -> None:
    found = training("broadcast_loss")
    loss = next(found.steps()).loss
    fresh = training("broadcast_loss")
    indices = next(iter(fresh._rest_of_epoch()))
    inputs, targets = fresh.data.batch(indices, CPU)
    outputs = fresh.model(inputs).detach()[:, 0]
    pairs = [(float(a) - float(b)) ** 2 for a in outputs for b in targets]
    assert loss == pytest.approx(sum(pairs) / len(pairs), rel=1e-5)


def test_a_wrong_label_is_that_of_before_the_split() -> None:
    right, wrong = training(None), training("wrong_label")
    train = right.data.parts["train"]
    assert torch.equal(wrong.data.targets_at(train), right.data.targets[: len(train)])
    for part in ("validation", "test"):
        indices = right.data.parts[part]  # type: ignore[index]
        assert torch.equal(wrong.data.targets_at(indices), right.data.targets_at(indices))


def test_a_forgotten_eval_measures_with_dropout_and_leaves_the_mode_as_it_was() -> None:
    forgot, right = training("forgotten_eval", dropout=0.9), training(None, dropout=0.9)
    measured = [found.measure("train")["train"]["loss"] for found in (forgot, forgot, right, right)]
    assert measured[0] != measured[1] and measured[2] == measured[3]
    inner = nn.Dropout(0.9).eval()
    InTraining(inner).eval()(torch.ones(4))
    assert not inner.training
