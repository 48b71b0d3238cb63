"""Schedules are pure functions of the step, and equal PyTorch's where it has them."""

import inspect
import math
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from app.learning import schedules
from app.learning.optimizers import SGD, Adam, LectureMomentum, Optimizer
from app.learning.schedules import SCHEDULES, Constant, Cosine, OneCycle, Schedule, StepDecay, schedule_from_json
from tests.support.training import training

EVERY_SCHEDULE = [
    Constant(),
    Constant(warmup=5),
    StepDecay(every=3, gamma=0.5),
    StepDecay(every=2, warmup=3),
    Cosine(),
    Cosine(floor=0.1, warmup=4),
    OneCycle(),
    OneCycle(warmup=2),
]


def test_none_is_left_out() -> None:
    found = {entry for _, entry in inspect.getmembers(schedules, inspect.isclass) if hasattr(entry, "formula")}
    assert found == set(SCHEDULES.values()) == {type(schedule) for schedule in EVERY_SCHEDULE}


def torchs(make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], total: int, lr: float) -> list[float]:
    """The learning rate of each step with one of PyTorch's schedulers."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    scheduler, found = make(optimizer), []
    for _ in range(total):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        with warnings.catch_warnings():  # the last call steps beyond the end
            warnings.simplefilter("ignore")
            scheduler.step()
    return found


def ours(schedule: Schedule, total: int, lr: float) -> list[float]:
    return [lr * schedule.factor(step, total) for step in range(total)]


lrs = st.floats(1e-4, 10)
totals = st.integers(1, 200)


@given(total=totals, lr=lrs, every=st.integers(1, 50), gamma=st.floats(0.01, 1))
def test_step_is_step_lr(total: int, lr: float, every: int, gamma: float) -> None:
    theirs = torchs(lambda optimizer: lr_scheduler.StepLR(optimizer, every, gamma), total, lr)
    assert ours(StepDecay(every=every, gamma=gamma), total, lr) == pytest.approx(theirs, rel=1e-9)


@given(total=totals, lr=lrs, floor=st.floats(0, 1))
def test_cosine_is_cosine_annealing_lr(total: int, lr: float, floor: float) -> None:
    theirs = torchs(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, total, floor * lr), total, lr)
    assert ours(Cosine(floor=floor), total, lr) == pytest.approx(theirs, rel=1e-6, abs=1e-12 * lr)


@given(total=totals, lr=lrs)
def test_one_cycle_is_one_cycle_lr_with_its_defaults(total: int, lr: float) -> None:
    theirs = torchs(lambda optimizer: lr_scheduler.OneCycleLR(optimizer, lr, total), total, lr)
    assert ours(OneCycle(), total, lr) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("warmup", [28, 29, 30, 300])
@pytest.mark.parametrize("entry", SCHEDULES.values(), ids=SCHEDULES)
def test_a_warm_up_that_leaves_next_to_nothing_rises_as_any_other(entry: type[Any], warmup: int) -> None:
    fields = {"every": 5} if entry is StepDecay else {}
    short, long = entry(warmup=warmup, **fields), entry(warmup=warmup, **fields)
    for step in range(min(30, warmup + 1)):
        assert short.factor(step, 30) == pytest.approx(long.factor(step, 10_000))


@pytest.mark.parametrize("schedule", [s for s in EVERY_SCHEDULE if s.warmup], ids=repr)
def test_a_warm_up_rises_in_equal_parts_and_leaves_the_rest_to_the_schedule(schedule: Schedule) -> None:
    cold = type(schedule)(**vars(schedule) | {"warmup": 0})
    n, total = schedule.warmup, 30  # type: ignore[attr-defined]
    rising = [schedule.factor(step, total) for step in range(n + 1)]
    parts = [later - earlier for earlier, later in pairwise([0.0, *rising])]
    assert parts == pytest.approx([rising[-1] / (n + 1)] * (n + 1))
    rest = [schedule.factor(step, total) for step in range(n, total)]
    assert rest == [cold.factor(step, total - n) for step in range(total - n)]


@given(
    schedule=st.sampled_from(EVERY_SCHEDULE), step=st.integers(0, 10**6),
    total=st.one_of(st.integers(1, 10**6), st.just(math.inf)),
)  # fmt: skip
def test_a_factor_is_never_negative_above_one_or_no_number(schedule: Schedule, step: int, total: float) -> None:
    if step < total:
        assert 0 <= schedule.factor(step, total) <= 1


@pytest.mark.parametrize("schedule", EVERY_SCHEDULE, ids=repr)
def test_each_step_of_a_training_has_its_learning_rate(schedule: Schedule) -> None:
    run = training(SGD(lr=0.5), schedule=schedule, max_epochs=4)
    found = []
    for _ in run.steps():
        found.append(run.optimizer.param_groups[0]["lr"])
    assert found == [0.5 * schedule.factor(step, 12) for step in range(12)]


def test_the_run_is_as_long_as_the_first_of_its_ends() -> None:
    assert training(SGD(), max_epochs=4).total_steps == 12
    assert training(SGD(), max_epochs=4, max_steps=5).total_steps == 5
    assert training(SGD(), max_epochs=1, max_steps=5).total_steps == 3
    assert training(SGD(), max_epochs=None).total_steps == math.inf


@pytest.mark.parametrize("optimizer", [SGD(), LectureMomentum(), Adam()], ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("schedule", EVERY_SCHEDULE, ids=repr)
def test_a_restored_training_goes_on_with_the_same_bits(schedule: Schedule, optimizer: Optimizer) -> None:
    undisturbed = [step.loss for step in training(optimizer, schedule=schedule, max_epochs=4).steps()]
    stopped = training(optimizer, schedule=schedule, max_epochs=4)
    for step in stopped.steps():
        if step.number == 5:
            break
    restored = training(optimizer, schedule=schedule, max_epochs=4)
    restored.restore(stopped.checkpoint())
    assert [step.loss for step in restored.steps()] == undisturbed[5:]


def test_a_training_that_goes_on_to_a_later_end_follows_the_schedule_of_the_longer_run() -> None:
    first = training(SGD(lr=0.5), schedule=Cosine(), max_epochs=2)
    assert len(list(first.steps())) == 6
    longer = training(SGD(lr=0.5), schedule=Cosine(), max_epochs=4)
    longer.restore(first.checkpoint())
    found = []
    for _ in longer.steps():
        found.append(longer.optimizer.param_groups[0]["lr"])
    assert found == [0.5 * Cosine().factor(step, 12) for step in range(6, 12)]


def test_a_schedule_is_read_back_from_a_request() -> None:
    assert schedule_from_json({"name": "cosine", "floor": 0.1, "warmup": 3}) == Cosine(floor=0.1, warmup=3)
