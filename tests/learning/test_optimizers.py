"""Every optimizer, found by inspection, follows its formula."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import Parameter

from app.learning.errors import InvalidChoice
from app.learning.optimizers import (
    LECTURE_FORMS,
    OPTIMIZERS,
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    LectureAdaGrad,
    LectureAdam,
    LectureMomentum,
    LectureRMSProp,
    LectureSGD,
    Momentum,
    Optimizer,
    RMSProp,
    optimizer_from_json,
)
from tests.support.optimizers import ENTRIES, EVERY_OPTIMIZER

Array = np.ndarray[Any, Any]
Walk = Callable[[Array, list[Array], Callable[[int], float]], Array]


def constant(_: int) -> float:
    return 1.0


def halving(step: int) -> float:
    """A schedule: the learning rate halves every 30 steps."""
    return float(0.5 ** (step // 30))


SCHEDULES = [constant, halving]


def gradients(steps: int = 100) -> list[Array]:
    """Gradients of very different sizes, equal for every optimizer."""
    numbers = np.random.default_rng(1)
    return [numbers.standard_normal(7) * 10.0 ** np.arange(-4, 3) for _ in range(steps)]


START = np.linspace(-1, 1, 7)


def walk(optimizer: torch.optim.Optimizer, gradients: list[Array], factor: Callable[[int], float] = constant) -> Array:
    """Final value of an optimizer's only parameter, of 7 numbers."""
    group = optimizer.param_groups[0]
    (parameter,), lr = group["params"], group["lr"]
    for step, gradient in enumerate(gradients):
        group["lr"] = lr * factor(step)
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    found: Array = parameter.detach().numpy()
    return found


def parameter(start: Array = START) -> Parameter:
    return Parameter(torch.tensor(start))


def built(optimizer: Optimizer) -> torch.optim.Optimizer:
    return optimizer.build([parameter()])


def test_none_is_left_out_of_the_tables() -> None:
    assert {entry for entry in ENTRIES if entry.formulas == "torch"} == set(OPTIMIZERS.values())
    assert {entry for entry in ENTRIES if entry.formulas == "lecture"} == set(LECTURE_FORMS.values())
    for name, entry in OPTIMIZERS.items():
        form = LECTURE_FORMS.get(name)
        assert entry.advantages and entry.drawbacks
        low, high = entry.usual_lr
        assert low <= entry().lr <= high and (form is None or low <= form().lr <= high)


# Antigrad's optimizer, PyTorch's, and PyTorch's arguments besides lr if its defaults differ.
TORCH: dict[type[Optimizer], tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    SGD: (torch.optim.SGD, {"lr": 0.1}),
    Momentum: (torch.optim.SGD, {"lr": 0.01, "momentum": 0.9}),
    AdaGrad: (torch.optim.Adagrad, {}),
    RMSProp: (torch.optim.RMSprop, {}),
    Adam: (torch.optim.Adam, {}),
    AdamW: (torch.optim.AdamW, {}),
}
OPTIONS: list[tuple[type[Optimizer], dict[str, Any]]] = [
    *((entry, {}) for entry in OPTIMIZERS.values()),
    *((entry, {"lr": 0.003}) for entry in OPTIMIZERS.values()),
    *((entry, {"weight_decay": 0.1}) for entry in OPTIMIZERS.values()),
    (Momentum, {"momentum": 0.5}),
    (Momentum, {"momentum": 0.0}),
    (Momentum, {"dampening": 0.9}),
    (Momentum, {"nesterov": True}),
    (Momentum, {"nesterov": True, "momentum": 0.7, "weight_decay": 0.01}),
    (AdaGrad, {"eps": 0.1}),
    (RMSProp, {"alpha": 0.9}),
    (RMSProp, {"eps": 0.1}),
    (Adam, {"betas": (0.5, 0.9)}),
    (Adam, {"eps": 0.1}),
    (AdamW, {"betas": (0.5, 0.9)}),
    (AdamW, {"eps": 0.1}),
]


def test_every_option_is_compared() -> None:
    for entry in OPTIMIZERS.values():
        compared = {name for other, options in OPTIONS if other is entry for name in options}
        assert compared == {field.name for field in fields(entry)}, entry  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", SCHEDULES)
@pytest.mark.parametrize(("entry", "options"), OPTIONS, ids=str)
def test_a_hundred_steps_are_pytorchs(
    entry: type[Optimizer], options: dict[str, Any], factor: Callable[[int], float]
) -> None:
    theirs, defaults = TORCH[entry]
    plain = {kernel: False for kernel in ("foreach", "fused") if kernel in inspect.signature(theirs).parameters}
    reference = theirs([parameter()], **defaults | options | plain)  # type: ignore[arg-type]
    found = walk(built(entry(**options)), gradients(), factor)
    np.testing.assert_allclose(found, walk(reference, gradients(), factor), rtol=1e-12, atol=0)


# The lecture's equations in numpy, with every default written out.


def sgd(θ: Array, gs: list[Array], factor: Callable[[int], float], lr: float = 0.1) -> Array:
    for t, g in enumerate(gs):
        θ = θ - lr * factor(t) * g
    return θ


def momentum(
    θ: Array, gs: list[Array], factor: Callable[[int], float], lr: float = 0.01, momentum: float = 0.9,
    dampening: float = 0.0,
) -> Array:  # fmt: skip
    v = np.zeros_like(θ)
    for t, g in enumerate(gs):
        v = momentum * v - (1 - dampening) * lr * factor(t) * g
        θ = θ + v
    return θ


def adagrad(θ: Array, gs: list[Array], factor: Callable[[int], float], lr: float = 0.01, eps: float = 1e-8) -> Array:
    G = np.zeros_like(θ)
    for t, g in enumerate(gs):
        G = G + g * g
        θ = θ - lr * factor(t) / np.sqrt(G + eps) * g
    return θ


def rmsprop(
    θ: Array, gs: list[Array], factor: Callable[[int], float], lr: float = 0.01, alpha: float = 0.9, eps: float = 1e-8
) -> Array:
    G = np.zeros_like(θ)
    for t, g in enumerate(gs):
        G = alpha * G + (1 - alpha) * g * g
        θ = θ - lr * factor(t) / np.sqrt(G + eps) * g
    return θ


def adam(
    θ: Array, gs: list[Array], factor: Callable[[int], float], lr: float = 0.001,
    betas: tuple[float, float] = (0.9, 0.9), eps: float = 1e-8,
) -> Array:  # fmt: skip
    v, G = np.zeros_like(θ), np.zeros_like(θ)
    for t, g in enumerate(gs):
        v = betas[0] * v + (1 - betas[0]) * g
        G = betas[1] * G + (1 - betas[1]) * g * g
        θ = θ - lr * factor(t) / np.sqrt(G + eps) * v
    return θ


EQUATIONS: dict[type[Optimizer], Callable[..., Array]] = {
    LectureSGD: sgd,
    LectureMomentum: momentum,
    LectureAdaGrad: adagrad,
    LectureRMSProp: rmsprop,
    LectureAdam: adam,
}
LECTURE_OPTIONS: list[tuple[type[Optimizer], dict[str, Any]]] = [
    *((entry, {}) for entry in LECTURE_FORMS.values()),
    *((entry, {"lr": 0.003}) for entry in LECTURE_FORMS.values()),
    (LectureMomentum, {"momentum": 0.5, "dampening": 0.9}),
    (LectureAdaGrad, {"eps": 0.1}),
    (LectureRMSProp, {"alpha": 0.99, "eps": 0.1}),
    (LectureAdam, {"betas": (0.5, 0.999), "eps": 0.1}),
]


@pytest.mark.parametrize("factor", SCHEDULES)
@pytest.mark.parametrize(("entry", "options"), LECTURE_OPTIONS, ids=str)
def test_the_lectures_form_is_its_equation(
    entry: type[Optimizer], options: dict[str, Any], factor: Callable[[int], float]
) -> None:
    found = walk(built(entry(**options)), gradients(), factor)
    np.testing.assert_allclose(found, EQUATIONS[entry](START, gradients(), factor, **options), rtol=1e-12, atol=0)


def test_every_lecture_form_and_option_is_compared() -> None:
    for entry in LECTURE_FORMS.values():
        compared = {name for other, options in LECTURE_OPTIONS if other is entry for name in options}
        assert compared == {field.name for field in fields(entry)}, entry  # type: ignore[arg-type]


# Behaviour of the lecture's forms, and their differences from PyTorch's.


def steps(optimizer: Optimizer, gs: list[float]) -> list[float]:
    """Length of each step downwards, in units of the learning rate."""
    θ = parameter(np.zeros(1))
    stepping = optimizer.build([θ])
    found, before = [], 0.0
    for g in gs:
        θ.grad = torch.tensor([g], dtype=torch.float64)
        stepping.step()
        found.append((before - θ.item()) / stepping.param_groups[0]["lr"])
        before = θ.item()
    return found


def test_without_correction_adams_first_steps_are_several_lr_with_0999_and_grow_to_lr_with_09() -> None:
    long = steps(LectureAdam(betas=(0.9, 0.999)), [1.0] * 200)
    assert long[0] == pytest.approx(3.2, abs=0.05)
    assert long[11] == pytest.approx(6.6, abs=0.05) and max(long) == pytest.approx(6.6, abs=0.05)
    assert long[199] == pytest.approx(2.3, abs=0.1)
    short = steps(LectureAdam(), [1.0] * 100)
    assert short[0] == pytest.approx(0.32, abs=0.005) and short[-1] == pytest.approx(1, abs=0.001)
    assert all(later >= earlier for earlier, later in pairwise(short))
    assert steps(Adam(), [1.0] * 100) == pytest.approx([1.0] * 100, rel=1e-6)


def test_inside_the_root_epsilon_acts_as_its_root_does_outside() -> None:
    inside = steps(LectureAdam(betas=(0.0, 0.0)), [1e-5])
    outside = steps(Adam(), [1e-5])
    assert inside == pytest.approx([0.0995], abs=5e-5)
    assert outside == pytest.approx([0.999], abs=5e-4)
    assert steps(LectureAdaGrad(), [1e-5]) == pytest.approx([0.0995], abs=5e-5)


def test_pytorch_leaves_the_first_step_undampened_and_the_lecture_does_not() -> None:
    assert steps(Momentum(lr=0.5, dampening=0.9), [0.5])[0] * 0.5 == pytest.approx(0.5 * 0.5)
    assert steps(LectureMomentum(lr=0.5, dampening=0.9), [1.0])[0] * 0.5 == pytest.approx(0.05)
    assert steps(Momentum(lr=0.5, dampening=0.9), [1.0])[0] * 0.5 == pytest.approx(0.5)


def test_the_two_forms_of_momentum_differ_when_the_learning_rate_changes() -> None:
    def factor(step: int) -> float:
        return 1.0 if step < 10 else 0.1

    ones = [np.ones(7)] * 20
    same = [walk(built(entry()), ones) for entry in (Momentum, LectureMomentum)]
    np.testing.assert_allclose(*same, rtol=1e-12)
    torchs, lectures = (walk(built(entry()), ones, factor) for entry in (Momentum, LectureMomentum))
    assert np.all(lectures < torchs - 0.1)  # the old velocity keeps its size and continues downwards


def distance(optimizer: Optimizer, outlier: float | None) -> float:
    """f = θ²/2 from θ = 10: distance from 0 after 400 steps, with an outlier at step 6 or without."""
    θ = parameter(np.full(1, 10.0))
    stepping = optimizer.build([θ])
    for step in range(400):
        θ.grad = θ.detach().clone()
        if step == 5 and outlier is not None:
            θ.grad.fill_(outlier)
        stepping.step()
    return abs(θ.item())


@pytest.mark.parametrize("stalls", [AdaGrad(lr=0.5), LectureAdaGrad(lr=0.5)], ids=repr)
def test_after_an_outlier_adagrad_stalls(stalls: Optimizer) -> None:
    assert distance(stalls, None) == pytest.approx(0.19, abs=0.005)
    assert distance(stalls, 1000) == pytest.approx(6.53, abs=0.02)


def test_after_an_outlier_rmsprop_forgets() -> None:
    assert distance(LectureRMSProp(lr=0.5), None) == pytest.approx(0.25, abs=0.001)
    assert distance(LectureRMSProp(lr=0.5), 1000) == pytest.approx(0.25, abs=0.001)
    assert distance(RMSProp(lr=0.5), 1000) < 0.01


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_a_group_may_have_a_learning_rate_of_its_own(optimizer: Optimizer) -> None:
    first, second = parameter(), parameter()
    both = optimizer.build([{"params": [first]}, {"params": [second], "lr": optimizer.lr / 3}])  # type: ignore[attr-defined]
    slower = parameter()
    alone = [optimizer.build([parameter()]), type(optimizer)(**vars(optimizer) | {"lr": optimizer.lr / 3})]  # type: ignore[attr-defined]
    for gradient in gradients(20):
        for θ in (first, second):
            θ.grad = torch.tensor(gradient)
        both.step()
    np.testing.assert_allclose(first.detach(), walk(alone[0], gradients(20)), rtol=1e-12)
    np.testing.assert_allclose(second.detach(), walk(alone[1].build([slower]), gradients(20)), rtol=1e-12)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_every_optimizer_comes_down_a_parabola(optimizer: Optimizer) -> None:
    faster = type(optimizer)(**vars(optimizer) | {"lr": 0.1})
    θ = parameter()
    stepping = faster.build([θ])
    for _ in range(1500):
        θ.grad = θ.detach().clone()
        stepping.step()
    assert float(θ.detach().abs().max()) < 0.06  # with a constant lr, RMSProp and Adam stay within it


def test_nesterov_is_refused_where_pytorch_refuses_it() -> None:
    for wrong in ({"dampening": 0.1}, {"momentum": 0.0}):
        with pytest.raises(ValueError, match=r"[Nn]esterov"):
            torch.optim.SGD([parameter()], lr=0.1, nesterov=True, **{"momentum": 0.9} | wrong)
        with pytest.raises(InvalidChoice, match="nesterov needs"):
            Momentum(nesterov=True, **wrong)


def test_a_request_of_before_there_were_formulas_means_pytorchs() -> None:
    assert optimizer_from_json({"name": "adam", "lr": 0.1, "betas": [0.9, 0.99], "eps": 1e-8}) == Adam(0.1, (0.9, 0.99))
    assert optimizer_from_json({"name": "adam", "formulas": "lecture"}) == LectureAdam()
