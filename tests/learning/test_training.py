import math
from collections.abc import Callable
from functools import partial

import pytest
import torch

from app.learning.losses import CrossEntropy, Loss
from app.learning.optimizers import SGD, Adam, Optimizer
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors, from_safetensors
from app.learning.stopping import DivergenceLimits
from app.learning.training import Training
from tests.support.optimizers import EVERY_OPTIMIZER
from tests.support.training import CROSS_ENTROPY, PATHS, network_of, training

LONG = partial(pytest.param, marks=pytest.mark.long)

UNEVEN = CrossEntropy(class_weights=(1.0, 1.0, 100.0), label_smoothing=0.1)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("at", [*map(LONG, (1, 3, 4, 7)), 2, 6])  # within an epoch, at its end (3, 6), and later
def test_a_restored_training_goes_on_with_the_same_bits(
    optimizer: Optimizer, at: int, path: Callable[[Training], Training]
) -> None:
    undisturbed = path(training(optimizer, max_epochs=4))
    losses = [step.loss for step in undisturbed.steps()]

    stopped = path(training(optimizer, max_epochs=4))
    for step in stopped.steps():
        if step.number == at:
            break
    network = network_of(stopped)
    file = checkpoint_to_safetensors(stopped.checkpoint(), network)
    restored = path(training(optimizer, max_epochs=4))
    restored.restore(checkpoint_from_safetensors(file))

    served = from_safetensors(file)  # a checkpoint can also predict
    inputs = torch.randn(3, 4)
    assert served.step == at
    torch.testing.assert_close(served.outputs(inputs), network.outputs(inputs), rtol=1e-5, atol=1e-5)  # another layout
    kept = network.model.state_dict()
    assert all(torch.equal(value, kept[name]) for name, value in served.model.state_dict().items())
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
    epochs: list[list[int]] = []
    for _ in range(2):
        epochs.append([index for indices in run._rest_of_epoch() for index in indices.tolist()])
        run.position = len(epochs[-1])
    first, second = epochs
    assert sorted(first) == sorted(second) == list(range(40))
    assert first != second


def test_steps_and_epochs_stop_where_they_say() -> None:
    assert [step.number for step in training(SGD(), max_steps=5).steps()] == [1, 2, 3, 4, 5]
    run = training(SGD(), max_epochs=2)
    assert len(list(run.steps())) == 2 * run.steps_per_epoch == 6
    assert run.stop_reason == "max_epochs"


@pytest.mark.parametrize("end", [{"max_epochs": 1}, {"max_steps": 1}, {"max_steps": 2}], ids=str)
def test_what_the_last_step_breaks_has_diverged(end: dict[str, int]) -> None:
    run = training(SGD(lr=1e38), batch_size=40 if "max_epochs" in end else 16, **{"max_epochs": None} | end)
    *_, last = run.steps()
    assert math.isfinite(last.loss) or end == {"max_steps": 2}
    assert run.stop_reason == "diverged"
    unwatched = training(SGD(lr=1e38), batch_size=40, max_epochs=1, divergence=None)
    assert [step.number for step in unwatched.steps()] == [1] and unwatched.stop_reason == "max_epochs"


def test_nan_diverges_at_once_and_a_high_loss_after_its_window() -> None:
    run = training(SGD(lr=1e9), max_epochs=50, divergence=DivergenceLimits(factor=10, window=3))
    steps = list(run.steps())
    assert run.stop_reason == "diverged"
    assert len(steps) <= 5  # the first step is the reference; three above it, or a NaN before


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=lambda o: o.name)
@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 3), (5, 2), (7, 2), (1, 6), (16, 4)])
@pytest.mark.parametrize("loss", [CROSS_ENTROPY, UNEVEN], ids=str)
def test_accumulated_batches_are_one_batch_so_many_times_as_large(
    loss: Loss, batch_size: int, accumulate: int, optimizer: Optimizer, path: Callable[[Training], Training]
) -> None:
    small = path(training(optimizer, batch_size=batch_size, accumulate=accumulate, loss=loss, max_epochs=3))
    large = path(training(optimizer, batch_size=batch_size * accumulate, loss=loss, max_epochs=3))
    assert small.steps_per_epoch == large.steps_per_epoch == -(-40 // (batch_size * accumulate))  # the last is smaller
    for ours, theirs in zip(small.steps(), large.steps(), strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-6)
    for ours, theirs in zip(small.model.parameters(), large.model.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("path", PATHS)
def test_a_long_gradient_is_shortened_to_the_norm_and_a_short_one_is_left(
    path: Callable[[Training], Training],
) -> None:
    def first_gradient(clip_norm: float | None, accumulate: int = 1) -> torch.Tensor:
        run = path(training(Adam(), clip_norm=clip_norm, accumulate=accumulate, max_epochs=1))
        next(run.steps())
        return torch.cat([parameter.grad.flatten() for parameter in run.model.parameters()])

    free = first_gradient(None)
    norm = float(free.norm())
    torch.testing.assert_close(first_gradient(norm / 3), free / 3, rtol=1e-4, atol=1e-8)
    assert torch.equal(first_gradient(norm * 3), free)
    accumulated = first_gradient(norm / 100, accumulate=2)  # of the sum, not of each part
    assert float(accumulated.norm()) == pytest.approx(norm / 100, rel=1e-3)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("at", [*map(LONG, (1, 5)), 2, 3])
def test_with_accumulation_and_clipping_a_training_restored_from_its_file_has_the_same_bits(
    at: int, optimizer: Optimizer, path: Callable[[Training], Training]
) -> None:
    def make() -> Training:
        return path(training(optimizer, batch_size=5, accumulate=3, clip_norm=0.5, max_epochs=3))

    undisturbed = make()
    losses = [step.loss for step in undisturbed.steps()]
    stopped = make()
    for step in stopped.steps():
        if step.number == at:
            break
    file = checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))
    restored = make()
    restored.restore(checkpoint_from_safetensors(file))
    assert [step.loss for step in restored.steps()] == losses[at:]
    for ours, theirs in zip(restored.model.parameters(), undisturbed.model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
