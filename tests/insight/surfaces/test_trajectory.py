"""Optimizers' paths equal PyTorch's, or solutions of the equations by hand."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from app.insight.surfaces.functions import Point, Quadratic, Rosenbrock, Surface
from app.insight.surfaces.trajectory import Path, Spike, gaussian_noise, walk
from app.learning.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    LectureAdaGrad,
    LectureAdam,
    LectureMomentum,
    LectureRMSProp,
    LectureSGD,
    Momentum,
    Optimizer,
    RMSProp,
)
from tests.learning.test_optimizers import EQUATIONS, TORCH
from tests.support.optimizers import EVERY_OPTIMIZER

STILL: Point = (0.0, 0.0)


def quietly(surface: Surface, optimizer: Optimizer, steps: int, start: Point | None = None) -> Path:
    return walk(surface, start or surface.start, optimizer, [STILL] * steps)


@pytest.mark.parametrize("surface", [Rosenbrock(), Quadratic(condition=30.0)], ids=repr)
@pytest.mark.parametrize("entry", TORCH, ids=lambda entry: entry.__name__)
def test_two_hundred_steps_are_those_of_pytorch_with_autograd(entry: type[Optimizer], surface: Surface) -> None:
    theirs, defaults = TORCH[entry]
    θ = torch.tensor(surface.start, dtype=torch.float64, requires_grad=True)
    stepping = theirs([θ], **defaults | {"lr": 1e-3})  # type: ignore[arg-type]
    expected = [θ.tolist()]
    for _ in range(200):
        stepping.zero_grad()
        surface.value(θ[0], θ[1]).backward()  # type: ignore[no-untyped-call]
        stepping.step()
        expected.append(θ.tolist())
    found = quietly(surface, entry(lr=1e-3), 200)  # type: ignore[call-arg]
    np.testing.assert_allclose(found.points, expected, rtol=1e-12, atol=1e-12)
    assert found.values == [surface.value(x, y) for x, y in found.points]


@pytest.mark.parametrize("entry", EQUATIONS, ids=lambda entry: entry.__name__)
def test_the_lectures_forms_walk_as_their_equations_say(entry: type[Optimizer]) -> None:
    """Each gradient depends on the point before, so the equations are evaluated for one more step each time."""
    surface, start = Rosenbrock(), np.array([-1.2, 1.0])
    gradients, points = [], [start]
    for _ in range(40):
        gradients.append(np.array(surface.gradient(*points[-1].tolist())))
        points.append(EQUATIONS[entry](start, gradients, lambda _: 1.0, lr=1e-3))
    found = quietly(surface, entry(lr=1e-3), 40)  # type: ignore[call-arg]
    np.testing.assert_allclose(found.points, points, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("entry", [SGD, LectureSGD])
def test_gradient_descent_on_a_quadratic_is_a_power_in_each_direction(entry: type[Any]) -> None:
    found = quietly(Quadratic(condition=10.0), entry(lr=0.15), 50)
    powers = [(10 * 0.85**t, (-0.5) ** t) for t in range(51)]
    np.testing.assert_allclose(found.points, powers, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("entry", [Momentum, LectureMomentum])
def test_momentum_in_a_ravine_is_a_damped_oscillation(entry: type[Any]) -> None:
    """y₊ = (1 + μ − ηκ)y − μy₋ has the complex roots √μ e^±iω: an oscillation around 0 with the amplitude √μᵗ."""
    μ, η, κ = 0.9, 0.002, 100.0
    found = np.array(quietly(Quadratic(condition=κ), entry(lr=η, momentum=μ), 300, start=(0.0, 1.0)).points)[:, 1]
    ω = math.acos((1 + μ - η * κ) / (2 * math.sqrt(μ)))
    first = 1 - η * κ  # the first step is one without momentum
    b = (first / math.sqrt(μ) - math.cos(ω)) / math.sin(ω)
    t = np.arange(301)
    expected = μ ** (t / 2) * (np.cos(ω * t) + b * np.sin(ω * t))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    overshoots = np.count_nonzero(np.diff(np.sign(found[:100])))
    assert overshoots >= 10
    without = np.array(quietly(Quadratic(condition=κ), SGD(lr=η), 300, start=(0.0, 1.0)).points)[:, 1]
    assert np.all(np.diff(without) <= 0) and np.all(without >= 0)  # and plain descent creeps down one side


def test_along_the_ravine_momentum_is_far_ahead() -> None:
    plain, heavy = (quietly(Quadratic(condition=100.0), entry, 300) for entry in (SGD(lr=0.002), Momentum(lr=0.002)))
    assert plain.points[-1][0] == pytest.approx(10 * 0.998**300)  # 5.5: about half the way
    assert abs(heavy.points[-1][0]) < 0.05


def test_too_large_a_step_diverges_and_the_path_ends_at_the_last_finite_point() -> None:
    found = quietly(Quadratic(condition=10.0), SGD(lr=1.0), 1000)
    assert found.diverged and 2 < len(found.points) == len(found.values) < 1000
    assert np.isfinite(found.points).all() and np.isfinite(found.values).all()
    assert found.values[-1] > 1e98  # it grows to 81 times as much with each step; the next one is too far
    assert not quietly(Quadratic(condition=10.0), SGD(lr=0.19), 1000).diverged  # divergence begins at 2/κ


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_there_is_a_point_for_the_start_and_one_for_each_step(optimizer: Optimizer) -> None:
    found = quietly(Quadratic(), optimizer, 7)
    assert len(found.points) == len(found.values) == 8 and not found.diverged
    assert found.points[0] == Quadratic.start and found.values[0] == Quadratic().value(*Quadratic.start)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_the_same_noise_is_the_same_way_to_the_bit(optimizer: Optimizer) -> None:
    one, same, other = (walk(Rosenbrock(), (-1.2, 1.0), optimizer, gaussian_noise(0.5, 50, seed)) for seed in (3, 3, 4))
    assert one == same != other


def test_every_optimizer_has_the_same_noise_of_the_deviation_that_was_asked_for() -> None:
    noise = gaussian_noise(2.0, 10_000, seed=1)
    assert np.std(noise, axis=0) == pytest.approx([2, 2], rel=0.03)
    assert np.mean(noise, axis=0) == pytest.approx([0, 0], abs=0.06)
    assert gaussian_noise(0.0, 3, seed=0) == [STILL] * 3
    first = [walk(Quadratic(), Quadratic.minima[0], entry(lr=1.0), noise[:1]) for entry in (SGD, LectureSGD)]
    assert [path.points[1] for path in first] == [(-noise[0][0], -noise[0][1])] * 2  # the gradient itself is 0 there


def after_an_outlier(optimizer: Optimizer) -> float:
    """On ½x² from 10, with a gradient 1,000 times too large at step 6: the distance from the minimum after 400
    steps."""
    calm = quietly(Quadratic(), optimizer, 5, start=(10.0, 0.0))
    gradient, _ = calm.points[-1]
    spike = Spike(step=6, factor=(gradient + 1000) / gradient)
    return abs(walk(Quadratic(), (10.0, 0.0), optimizer, [STILL] * 400, spike).points[-1][0])


def test_an_outlier_stalls_adagrad_and_rmsprop_forgets_it() -> None:
    for entry in (AdaGrad(lr=0.5), LectureAdaGrad(lr=0.5)):
        assert abs(quietly(Quadratic(), entry, 400, start=(10.0, 0.0)).points[-1][0]) == pytest.approx(0.19, abs=0.005)
        assert after_an_outlier(entry) == pytest.approx(6.53, abs=0.005)
    assert after_an_outlier(LectureRMSProp(lr=0.5)) == pytest.approx(0.25, abs=0.001)
    assert after_an_outlier(RMSProp(lr=0.5)) < 0.01


def test_a_spike_multiplies_one_gradient_and_leaves_the_noise() -> None:
    noise = gaussian_noise(0.1, 5, seed=0)
    one, spiked = (walk(Quadratic(), (10.0, 1.0), SGD(lr=0.01), noise, spike) for spike in (None, Spike(3, 20.0)))
    assert one.points[:3] == spiked.points[:3]
    (x, y), (moved_x, moved_y) = spiked.points[2], spiked.points[3]
    assert moved_x == pytest.approx(x - 0.01 * (20 * x + noise[2][0]), rel=1e-12)
    assert moved_y == pytest.approx(y - 0.01 * (20 * 10 * y + noise[2][1]), rel=1e-12)


def lengths(optimizer: Optimizer, steps: int, start: float) -> list[float]:
    """Length of each step on ½x² in units of lr."""
    points = quietly(Quadratic(), optimizer, steps, (start, 0.0)).points
    return [abs(after - before) / optimizer.lr for (before, _), (after, _) in pairwise(points)]  # type: ignore[attr-defined]


def test_where_the_gradient_hardly_changes_adams_steps_are_lr_and_without_correction_they_are_not() -> None:
    far = 1e6
    assert lengths(Adam(lr=0.01), 200, far) == pytest.approx([1.0] * 200, abs=1e-4)
    short = lengths(LectureAdam(lr=0.01), 200, far)
    assert short[0] == pytest.approx(0.32, abs=0.005) and short[-1] == pytest.approx(1, abs=1e-4)
    long = lengths(LectureAdam(lr=0.01, betas=(0.9, 0.999)), 200, far)
    assert [long[0], long[11], long[199]] == pytest.approx([3.2, 6.6, 2.3], abs=0.05) and max(long) == long[11]


def test_what_epsilon_and_dampening_do_to_the_first_step() -> None:
    assert lengths(Adam(lr=1e-6), 1, start=1e-5) == pytest.approx([0.999], abs=5e-4)
    assert lengths(LectureAdam(lr=1e-6, betas=(0.0, 0.0)), 1, start=1e-5) == pytest.approx([0.0995], abs=5e-5)
    assert lengths(Momentum(lr=0.5, dampening=0.9), 1, start=1.0) == [1.0]
    assert lengths(LectureMomentum(lr=0.5, dampening=0.9), 1, start=1.0) == pytest.approx([0.1])
