"""The location of the data does not affect the training."""

from collections.abc import Callable

import pytest
import torch

from app.learning import data
from app.learning.optimizers import Adam, Optimizer
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors
from app.learning.training import Training
from tests.learning.test_augmentation import training as augmenting
from tests.support.optimizers import EVERY_OPTIMIZER
from tests.support.training import by_autograd, by_hand, network_of, training

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
Place = tuple[torch.device, Callable[[Training], Training]]


def losses(found: Training) -> list[float]:
    return [step.loss for step in found.steps()]


def test_data_that_does_not_fit_is_streamed_and_learnt_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fitting = training(Adam(), max_epochs=3)
    wanted = losses(fitting)
    monkeypatch.setattr(data, "free_memory", lambda _: 100)  # bytes: nothing fits
    streamed = training(Adam(), max_epochs=3)
    assert streamed.data.on(CPU) is streamed.data  # it stays in its memory map
    assert losses(streamed) == wanted


@GPU
def test_a_gpu_learns_what_the_cpu_learns() -> None:
    cpu = training(Adam(), max_epochs=3)
    gpu = Training(cpu.recipe, training(Adam(), max_epochs=3).data, CUDA)
    assert next(gpu.model.parameters()).is_cuda and gpu.data.inputs.is_cuda
    assert losses(gpu) == pytest.approx(losses(cpu), rel=1e-4)


@GPU
def test_a_gpu_sees_the_changed_pictures_that_the_cpu_sees_and_learns_the_same_of_them() -> None:
    seen = []
    for device in (CPU, CUDA):
        run = augmenting(device=device)
        inputs, _ = run.data.batch(run.data.parts["train"], device)
        run.stepper.augment(inputs)
        assert inputs.device.type == device.type
        seen.append(inputs.cpu())
    torch.testing.assert_close(seen[0], seen[1], rtol=0, atol=1e-3)
    assert losses(augmenting(device=CUDA)) == pytest.approx(losses(augmenting()), rel=1e-3)


@GPU
def test_a_training_on_a_gpu_goes_on_with_the_draws_that_it_had() -> None:
    expected = losses(augmenting(device=CUDA))
    stopped, restored = augmenting(device=CUDA), augmenting(device=CUDA)
    for step in stopped.steps():
        if step.number == 4:
            break
    restored.restore(stopped.checkpoint())
    assert losses(restored) == pytest.approx(expected[4:], rel=1e-4)


# Devices, each with the source of its gradients.
HAND, AUTOGRAD, ON_GPU = (CPU, by_hand), (CPU, by_autograd), (CUDA, by_autograd)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(HAND, AUTOGRAD, id="by hand, by autograd"),
        pytest.param(AUTOGRAD, HAND, id="by autograd, by hand"),
        pytest.param(HAND, ON_GPU, id="CPU, GPU", marks=GPU),
        pytest.param(ON_GPU, HAND, id="GPU, CPU", marks=GPU),
        pytest.param(ON_GPU, ON_GPU, id="GPU, GPU", marks=GPU),
    ],
)
@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("at", [4, 6])  # the middle of an epoch, and the end of one
def test_a_checkpoint_of_one_device_is_gone_on_from_on_another(
    at: int, optimizer: Optimizer, first: Place, second: Place
) -> None:
    def on(device: torch.device, path: Callable[[Training], Training]) -> Training:
        here = training(optimizer, max_epochs=3)
        return path(Training(here.recipe, here.data, device))

    expected = losses(on(*first))
    stopped, restored = on(*first), on(*second)
    for step in stopped.steps():
        if step.number == at:
            break
    file = checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))
    restored.restore(checkpoint_from_safetensors(file))
    assert losses(restored) == pytest.approx(expected[at:], rel=1e-4)
    assert {parameter.device.type for parameter in restored.model.parameters()} == {second[0].type}


@GPU
def test_data_too_large_for_the_gpu_is_streamed_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "free_memory", lambda _: 100)
    small = training(Adam(), max_epochs=3)
    streamed = Training(small.recipe, small.data, CUDA)
    assert not streamed.data.inputs.is_cuda
    assert losses(streamed) == pytest.approx(losses(small), rel=1e-4)
