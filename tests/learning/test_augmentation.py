"""Augmentation changes training pictures within the requested limits, and nothing else."""

from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from app.insight.analysis.diagnostics import Sampler
from app.learning.augmentation import Augmentation, erased, moved, noisy
from app.learning.data import Data
from app.learning.errors import InvalidChoice
from app.learning.fast_cpu.stepper import LinearChainStepper
from app.learning.layers import Layer, Linear, ReLU
from app.learning.layers.convolution import Conv2d
from app.learning.layers.normalisation import BatchNorm
from app.learning.layers.regularisation import Dropout
from app.learning.losses import CrossEntropy
from app.learning.optimizers import Adam
from app.learning.preprocessing import Affine, Normalise, fit_pictures
from app.learning.recipe import Recipe
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors
from app.learning.stopping import Stop
from app.learning.training import Training
from tests.support.training import network_of

EVERYTHING = Augmentation(shift=0.2, rotate=30, scale=0.2, noise=0.1, erase=0.3)
seeds = st.integers(0, 2**63)
shares = st.floats(0.01, 0.5)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 40, channels: int = 1, height: int = 12, width: int = 10) -> Tensor:
    shape = (count, channels, height, width)
    return torch.randint(256, shape, generator=draws(7), dtype=torch.uint8)


def blob(count: int, x: float = 0.0, y: float = 0.0, height: int = 60, width: int = 90) -> Tensor:
    """A soft dot on black, this many pixels right of and below the centre."""
    rows, columns = (torch.arange(side) - (side - 1) / 2 for side in (height, width))
    distance = (rows[:, None] - y).square() + (columns - x).square()
    return (-distance / 8).exp().expand(count, 1, height, width).contiguous()


def centres(found: Tensor) -> tuple[Tensor, Tensor]:
    """Position of each picture's centre of mass relative to the middle, in pixels to the right and down."""
    height, width = found.shape[2:]
    rows, columns = (torch.arange(side) - (side - 1) / 2 for side in (height, width))
    mass = found.sum((1, 2, 3))
    return (found * columns).sum((1, 2, 3)) / mass, (found * rows[:, None]).sum((1, 2, 3)) / mass


def reaches(values: Tensor, low: float, high: float, tolerance: float) -> bool:
    """True if the values are between the two limits and come close to both."""
    near = 0.2 * (high - low)  # a hundred uniform draws fail this once in 10⁹ times
    inside = low - tolerance <= float(values.min()) and float(values.max()) <= high + tolerance
    return inside and float(values.min()) < low + near and float(values.max()) > high - near


@given(st.floats(0.05, 0.35), seeds)
@settings(max_examples=25)
def test_a_shift_moves_by_up_to_its_share_of_each_side(shift: float, seed: int) -> None:
    x, y = centres(moved(blob(100), draws(seed), shift, 0, 0))
    assert reaches(x / 90, -shift, shift, 0.001) and reaches(y / 60, -shift, shift, 0.001)


@given(st.floats(1, 170), seeds)
@settings(max_examples=25)
def test_a_rotation_turns_by_up_to_its_degrees_and_keeps_distances_where_sides_differ(rotate: float, seed: int) -> None:
    x, y = centres(moved(blob(100, x=20), draws(seed), 0, rotate, 0))
    assert torch.allclose(torch.hypot(x, y), torch.tensor(20.0), atol=0.1)
    assert reaches(torch.rad2deg(torch.atan2(y, x)), -rotate, rotate, 0.3)


@given(st.floats(0.05, 0.4), seeds)
@settings(max_examples=25)
def test_a_scale_makes_larger_and_smaller_by_up_to_its_share(scale: float, seed: int) -> None:
    x, y = centres(moved(blob(100, x=15, y=10), draws(seed), 0, 0, scale))
    assert reaches(x / 15, 1 - scale, 1 + scale, 0.01)
    assert torch.allclose(x / 15, y / 10, atol=0.01)  # both sides by the same factor


@given(st.floats(0, 0.5), st.floats(0, 180), st.floats(0, 0.5), st.sampled_from([0.0, 1.0, 255.0]), seeds)
def test_a_ground_of_one_colour_goes_on_beyond_the_edge(
    shift: float, rotate: float, scale: float, ground: float, seed: int
) -> None:
    plain = torch.full((20, 3, 9, 7), ground)
    assert torch.allclose(moved(plain, draws(seed), shift, rotate, scale), plain, rtol=1e-5)


@given(shares, seeds)
@settings(max_examples=25)
def test_a_rectangle_of_up_to_the_share_is_erased_and_takes_the_mean(share: float, seed: int) -> None:
    x = torch.rand(200, 3, 64, 48, generator=draws(1))
    y = erased(x, draws(seed), share)
    gone = (y != x).any(1)
    rows, columns = gone.any(2), gone.any(1)
    assert torch.equal(gone, rows[:, :, None] & columns[:, None, :])
    area = gone.double().mean((1, 2))
    assert float(area.max()) <= share + (64 + 48) / (64 * 48)  # a pixel more, on two sides
    assert float(area.mean()) == pytest.approx(share / 2, rel=0.2, abs=0.002)
    means = x.mean((2, 3), keepdim=True).expand_as(x)
    hidden = gone[:, None].expand_as(x)
    assert torch.equal(y[hidden], means[hidden])


@given(st.floats(0.01, 1), seeds)
@settings(max_examples=25)
def test_noise_has_its_spread_around_nothing(noise: float, seed: int) -> None:
    added = noisy(torch.zeros(50, 1, 30, 30), draws(seed), noise)
    assert float(added.std()) == pytest.approx(noise, rel=0.03)
    assert abs(float(added.mean())) < 0.03 * noise


@pytest.mark.parametrize("normalise", ["unit", "standard", "none"])
def test_noise_is_in_brightness_from_black_to_white_however_pictures_are_prepared(normalise: Normalise) -> None:
    raw = pictures(200)
    prepare = fit_pictures(normalise, raw, torch.arange(len(raw)))
    found = prepare.invert(Augmentation(noise=0.2).apply(prepare.apply(raw), prepare, draws()))
    assert float(((found - raw) / 255).std()) == pytest.approx(0.2, rel=0.02)


@pytest.mark.parametrize("normalise", ["unit", "standard", "none"])
@pytest.mark.parametrize(
    "augment", [EVERYTHING, Augmentation(noise=0.2), Augmentation(erase=0.5), Augmentation(scale=0.5)], ids=str
)
def test_it_comes_to_the_same_however_pictures_are_prepared(normalise: Normalise, augment: Augmentation) -> None:
    raw = pictures(channels=3)
    prepare = fit_pictures(normalise, raw, torch.arange(len(raw)))
    found = prepare.invert(augment.apply(prepare.apply(raw), prepare, draws()))
    expected = augment.apply(raw.float(), Affine(), draws())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-2)  # on a scale to 255


def test_nothing_asked_for_changes_nothing_and_is_refused() -> None:
    x = pictures() / 255
    torch.testing.assert_close(moved(x, draws(), 0, 0, 0), x, rtol=0, atol=1e-5)
    assert torch.equal(erased(x, draws(), 0), x) and torch.equal(noisy(x, draws(), 0), x)
    with pytest.raises(InvalidChoice, match="at least one of shift, rotate, scale, noise, erase"):
        Augmentation()


@pytest.mark.parametrize("field", ["shift", "rotate", "scale", "noise", "erase"])
def test_every_picture_has_a_draw_of_its_own_and_a_seed_has_its_draws(field: str) -> None:
    augment = Augmentation(**{field: 0.4 if field != "rotate" else 90.0})
    one = pictures(1) / 255
    x, prepare, first, second = one.expand(20, 1, 12, 10), Affine(), draws(3), draws(3)
    found = [augment.apply(x, prepare, first) for _ in range(2)]
    different = {picture.numpy().tobytes() for batch in found for picture in batch}
    assert len(different) > (30 if field == "erase" else 39)  # a small rectangle may cover no pixel's centre
    assert all(torch.equal(batch, augment.apply(x, prepare, second)) for batch in found)
    assert not torch.equal(found[0], augment.apply(x, prepare, draws(4)))


NETWORKS: dict[str, list[Layer]] = {
    "a chain": [Linear(8), ReLU()],
    "dropout": [Linear(8), ReLU(), Dropout(0.3)],
    "convolution": [Conv2d(4), BatchNorm(), ReLU()],
}


def training(
    layers: list[Layer] = NETWORKS["a chain"],
    augment: Augmentation | None = EVERYTHING,
    device: torch.device = torch.device("cpu"),
    **recipe: Any,
) -> Training:
    """A training on 50 pictures, 3 classes, in batches of 16: the last of an epoch has 8."""
    inputs, targets = pictures(50), torch.randint(3, (50,), generator=draws(8))
    parts = {"train": torch.arange(40), "validation": torch.arange(40, 45), "test": torch.arange(45, 50)}
    data = Data(inputs, targets, parts, fit_pictures("standard", inputs, parts["train"]), Affine())
    told: dict[str, Any] = {"batch_size": 16, "stop": Stop(max_epochs=4), "seed": 0} | recipe
    return Training(
        Recipe([*layers, Linear(3)], (1, 12, 10), CrossEntropy(), Adam(), augment=augment, **told), data, device
    )


def losses(run: Training) -> list[float]:
    return [step.loss for step in run.steps()]


def test_gradients_by_hand_are_of_the_same_pictures_as_autograds() -> None:
    by_hand = training()
    with patch.object(LinearChainStepper, "fits", return_value=False):
        reference = training()
    assert (by_hand.stepper.gradients, reference.stepper.gradients) == ("by hand", "autograd")
    assert losses(by_hand) == pytest.approx(losses(reference), rel=1e-5)


@pytest.mark.parametrize("at", [1, 2, 3, 4, 7])  # within an epoch, at its end (3), and in the next ones
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_a_restored_training_goes_on_with_the_same_bits(layers: list[Layer], accumulate: int, at: int) -> None:
    def make() -> Training:
        return training(layers, batch_size=16 // accumulate, accumulate=accumulate)

    undisturbed = make()
    expected = losses(undisturbed)
    stopped = make()
    for step in stopped.steps():
        if step.number == at:
            break
    file = checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))
    restored = make()
    restored.restore(checkpoint_from_safetensors(file))
    assert losses(restored) == expected[at:]
    for ours, theirs in zip(restored.model.state_dict().values(), undisturbed.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_seed_is_a_run_and_the_first_weights_and_the_order_are_those_of_a_run_without() -> None:
    plain = training(augment=None)
    assert losses(training()) == losses(training()) != losses(training(seed=1))
    assert losses(training()) != losses(plain)
    for ours, theirs in zip(training().model.parameters(), training(augment=None).model.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    orders = [[batch.tolist() for batch in run._rest_of_epoch()] for run in (training(), training(augment=None))]
    assert orders[0] == orders[1]


def test_noise_is_not_made_of_the_numbers_that_the_weights_are_made_of() -> None:
    assert not torch.equal(training(seed=5).stepper.draws.get_state(), draws(5).get_state())
    assert training(seed=2**63 - 1).stepper.draws.initial_seed() == 2**63


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_only_what_is_learnt_from_is_changed(layers: list[Layer]) -> None:
    extreme = Augmentation(shift=0.5, rotate=180, scale=0.5, noise=1, erase=0.5)
    run, before = training(layers, extreme), pictures(50)
    seen: dict[bool, list[Tensor]] = {True: [], False: []}
    run.model.register_forward_pre_hook(lambda model, inputs: seen[model.training].append(inputs[0].clone()))
    assert len(losses(run)) == 12
    prepared = run.data.prepare_inputs.apply(before)
    assert seen[False] and all(torch.equal(x, prepared[:40]) or torch.equal(x, prepared[40:45]) for x in seen[False])
    assert not any(torch.equal(picture, known) for x in seen[True] for picture in x for known in prepared)
    assert len(seen[True]) == (0 if run.stepper.gradients == "by hand" else 12)  # no forward hook there

    plain = training(layers, None)
    plain.model.load_state_dict(run.model.state_dict())
    assert run.measure("train", "validation", "test") == plain.measure("train", "validation", "test")
    assert torch.equal(run.data.inputs, before)


def test_looking_at_a_run_moves_none_of_its_draws() -> None:
    expected = losses(training(NETWORKS["convolution"]))
    run = training(NETWORKS["convolution"])
    sampler, found = Sampler(run), []
    for step in run.steps():
        found.append(step.loss)
        run.measure("test")
        run.checkpoint()
        sampler.look(last=True)
    assert found == expected
