"""Each criterion stops the run at the calculated step."""

import math
from itertools import count
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.learning.data import Data
from app.learning.layers import Linear
from app.learning.optimizers import SGD, Adam
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors
from app.learning.stopping import (
    Divergence,
    DivergenceLimits,
    LossTarget,
    ParameterChangeLimit,
    PatienceLimit,
    Seen,
    Stop,
    TargetLoss,
)
from app.learning.training import Training
from tests.support.training import MSE, network_of, training


def parabola(lr: float = 0.1, **stop: Any) -> Training:
    """L = (wx + b − y)² at the one example x = y = 0, from b = 1: b_t = (1 − 2·lr)ᵗ, and step t's loss is b_{t−1}²."""
    parts = {"train": torch.tensor([0]), "validation": torch.tensor([1]), "test": torch.tensor([], dtype=torch.int64)}
    data = Data(torch.zeros(2, 1), torch.tensor([0.0, 0.5]), parts, Affine(), Affine())
    recipe = Recipe([Linear(1)], (1,), MSE, SGD(lr=lr), None, Stop(**{"max_epochs": 1000} | stop), seed=0)
    run = Training(recipe, data, torch.device("cpu"))
    torch.nn.init.zeros_(run.model[0].weight)  # type: ignore[arg-type]
    torch.nn.init.ones_(run.model[0].bias)  # type: ignore[arg-type]
    for criterion in run.criteria:
        criterion.restore({}, {})  # the parameters differ now
    return run


def end(run: Training) -> tuple[str | None, int]:
    for _ in run.steps():
        pass
    return run.stop_reason, run.step


@pytest.mark.parametrize("norm", ["max", "l2"])
def test_it_stops_at_the_first_step_that_changes_the_parameters_by_less(norm: Any) -> None:
    # step t moves b by 0.2·0.8ᵗ⁻¹, and nothing else
    expected = next(t for t in count(1) if 0.2 * 0.8 ** (t - 1) < 1e-3)
    assert end(parabola(min_parameter_change=ParameterChangeLimit(1e-3, norm))) == ("min_parameter_change", expected)


def test_the_l2_norm_is_of_all_changes_and_max_of_the_largest() -> None:
    run = training(SGD(), max_steps=1)
    before = torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()])
    end(run)
    change = torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()]) - before
    for norm, size in (("max", change.abs().max()), ("l2", change.norm())):
        for threshold, stops in ((float(size) * 0.999, False), (float(size) * 1.001, True)):
            again = training(SGD(), max_steps=2, min_parameter_change=ParameterChangeLimit(threshold, norm))
            next(again.steps())
            assert (again.stop_reason == "min_parameter_change") is stops


@pytest.mark.parametrize("window", [1, 4])
def test_it_stops_when_the_last_steps_losses_are_low_enough_on_average(window: int) -> None:
    losses = [0.64**t for t in range(100)]  # b² = 0.8²ᵗ
    expected = next(t for t in count(window) if sum(losses[t - window : t]) / window <= 0.05)
    assert end(parabola(target_loss=LossTarget(0.05, window=window))) == ("target_loss", expected)


def test_it_stops_at_the_end_of_the_epoch_whose_validation_loss_is_low_enough() -> None:
    expected = next(t for t in count(1) if (0.8**t - 0.5) ** 2 <= 0.01)
    assert end(parabola(target_loss=LossTarget(0.01, part="validation"))) == ("target_loss", expected)


@pytest.mark.parametrize("epochs", [1, 3])
def test_it_waits_so_many_epochs_for_a_better_validation_loss_and_serves_the_best(epochs: int) -> None:
    best = min(range(1, 20), key=lambda t: (0.8**t - 0.5) ** 2)  # b passes 0.5 on its way to 0
    run = parabola(patience=PatienceLimit(epochs))
    assert end(run) == ("patience", best + epochs)
    served, step = run.served()
    assert step == best and served[0].bias.item() == pytest.approx(0.8**best)
    assert run.model[0].bias.item() == pytest.approx(0.8 ** (best + epochs))  # the training itself continues unchanged


def test_the_best_is_served_too_when_the_epochs_are_over_before_the_patience_is() -> None:
    run = parabola(patience=PatienceLimit(100), max_epochs=10)
    assert end(run) == ("max_epochs", 10) and run.served()[1] == 3


def test_patience_can_watch_the_training_part() -> None:
    assert end(parabola(patience=PatienceLimit(2, part="train"), max_epochs=40)) == ("max_epochs", 40)
    assert end(parabola(lr=0, patience=PatienceLimit(2, part="train"))) == ("patience", 3)


def test_seconds_of_training_are_counted_over_attempts() -> None:
    def slow(**stop: Any) -> Training:
        ticks = count()
        run = parabola(**stop)
        run.clock = lambda: 0.5 * next(ticks)  # once at the start, once per step
        return run

    assert end(slow(max_seconds=3)) == ("max_seconds", 6)
    first = slow(max_steps=4)
    end(first)
    second = slow(max_seconds=3)
    second.restore(first.checkpoint())
    assert end(second) == ("max_seconds", 6)


def test_a_diverging_loss_ends_it_after_its_window_and_nan_at_once() -> None:
    # lr 1.1: b_t = (−1.2)ᵗ, a loss of 1.44ᵗ⁻¹; the reference is the first step's
    expected = next(t for t in count(1) if 1.44 ** (t - 1) > 10) + 4
    assert end(parabola(lr=1.1, divergence=DivergenceLimits(10, window=5))) == ("diverged", expected)
    overflow = next(t for t in count(1) if 1.2 ** (2 * (t - 1)) > torch.finfo(torch.float32).max)
    reason, step = end(parabola(lr=1.1, divergence=DivergenceLimits(10, window=10**6)))
    assert reason == "diverged" and abs(step - overflow) <= 1


def test_of_several_at_one_step_the_first_in_the_documented_order_names_the_end() -> None:
    all_at_once: dict[str, Any] = {
        "divergence": DivergenceLimits(window=1),
        "target_loss": LossTarget(1e9, window=1),
        "min_parameter_change": ParameterChangeLimit(1e9),
        "patience": PatienceLimit(1),
        "max_steps": 2,
        "max_epochs": 2,
        "max_seconds": 1e-9,
    }
    names = []
    while all_at_once:
        run = parabola(**{"max_epochs": None, "divergence": None} | all_at_once)
        seen = Seen(2, 2, math.nan if "divergence" in all_at_once else 1.0, 5.0, {"validation": math.inf})
        reached = [criterion.reason for criterion in run.criteria if criterion.reached(seen)]
        assert len(reached) == len(all_at_once) - ("divergence" in all_at_once)  # NaN is not a low loss
        names.append(reached[0])
        all_at_once.pop("divergence" if reached[0] == "diverged" else reached[0])
    order = ["target_loss", "min_parameter_change", "patience", "max_steps", "max_epochs", "max_seconds"]
    assert names == ["diverged", *order]


def test_nothing_is_kept_of_the_parameters_by_criteria_that_are_off() -> None:
    run = training(SGD(), max_epochs=1)
    assert [criterion.reason for criterion in run.criteria] == ["diverged", "max_epochs"]
    assert not any(criterion.tensors() for criterion in run.criteria)


@settings(max_examples=50)
@given(losses=st.lists(st.floats(0, 10), min_size=1, max_size=30), window=st.integers(1, 6), cut=st.integers(0, 30))
def test_a_window_goes_on_behind_a_checkpoint(losses: list[float], window: int, cut: int) -> None:
    def reached(criteria: list[TargetLoss], losses: list[float]) -> list[bool]:
        return [criteria[-1].reached(Seen(1, 0, loss)) for loss in losses]

    target = LossTarget(3.0, window=window)
    whole = reached([TargetLoss(target)], losses)
    first, second = TargetLoss(target), TargetLoss(target)
    found = reached([first], losses[:cut])
    second.restore(first.state(), {})
    assert found + reached([second], losses[cut:]) == whole


@settings(max_examples=50)
@given(losses=st.lists(st.floats(0, 30), min_size=1, max_size=30), window=st.integers(1, 5))
def test_a_loss_is_diverged_exactly_when_its_last_window_lies_above_the_limit(losses: list[float], window: int) -> None:
    criterion = Divergence(DivergenceLimits(2, window), baseline_loss=1)
    limit = 2 * max(losses[0], 1)
    for step, loss in enumerate(losses, 1):
        above = step >= window and all(earlier > limit for earlier in losses[step - window : step])
        assert criterion.reached(Seen(step, 0, loss)) is above


CRITERIA: dict[str, dict[str, Any]] = {
    "patience": {"patience": PatienceLimit(4), "max_epochs": 60},
    "target_loss": {"target_loss": LossTarget(0.95, window=7), "max_epochs": 60},
    "validation": {"target_loss": LossTarget(0.0, part="validation"), "max_epochs": 9},
    "min_parameter_change": {"min_parameter_change": ParameterChangeLimit(0.0365, "l2"), "max_epochs": 60},
    "all": {
        "patience": PatienceLimit(3),
        "target_loss": LossTarget(0.0, window=5),
        "min_parameter_change": ParameterChangeLimit(1e-9),
        "max_seconds": 1e6,
        "max_epochs": 30,
    },
}


@pytest.mark.parametrize("stop", CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize("at", [1, 3, 5, 9])
def test_a_restored_training_ends_at_the_same_step_with_the_same_bits(stop: dict[str, Any], at: int) -> None:
    undisturbed = training(Adam(lr=0.01), **stop)
    losses = [step.loss for step in undisturbed.steps()]
    assert len(losses) > at
    stopped = training(Adam(lr=0.01), **stop)
    for step in stopped.steps():
        if step.number == at:
            break
    restored = training(Adam(lr=0.01), **stop)
    restored.restore(checkpoint_from_safetensors(checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))))
    assert [step.loss for step in restored.steps()] == losses[at:]
    assert restored.stop_reason == undisturbed.stop_reason
    (served, step), (wanted, wanted_step) = restored.served(), undisturbed.served()
    assert step == wanted_step
    for ours, theirs in zip(served.parameters(), wanted.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("stop", [CRITERIA[name] for name in ("patience", "target_loss", "min_parameter_change")])
def test_a_run_that_such_a_criterion_has_ended_goes_on_when_it_is_changed(stop: dict[str, Any]) -> None:
    longer = training(Adam(lr=0.01), max_epochs=60)
    losses = [step.loss for step in longer.steps()]
    first = training(Adam(lr=0.01), **stop)
    end(first)
    assert first.stop_reason in stop and first.step < len(losses)
    second = training(Adam(lr=0.01), max_epochs=60)
    second.restore(first.checkpoint())
    assert [step.loss for step in second.steps()] == losses[first.step :]


def test_a_best_loss_of_another_part_is_forgotten() -> None:
    first = parabola(patience=PatienceLimit(2))
    end(first)
    second = parabola(patience=PatienceLimit(2, part="train"), max_epochs=first.epoch + 10)
    second.restore(first.checkpoint())
    assert end(second)[0] == "max_epochs" and second.served()[1] == second.step


def test_a_checkpoint_of_before_goes_on() -> None:
    first = parabola(max_steps=4)
    end(first)
    checkpoint = first.checkpoint()
    del checkpoint.position["seconds"]
    second = parabola(max_steps=6, patience=PatienceLimit(3), target_loss=LossTarget(1e-9))
    second.restore(checkpoint)
    assert end(second) == ("max_steps", 6)


def test_a_request_of_before_has_the_defaults_for_what_it_lacks() -> None:
    stored = {"max_epochs": 3, "max_steps": None, "divergence": {"factor": 5.0, "window": 7}}
    assert Stop.from_json(stored) == Stop(max_epochs=3, divergence=DivergenceLimits(5.0, 7))
