"""A member of an ensemble learns what it would learn alone, whatever the others do."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.learning.ensemble.ensemble import TURN, Ensemble
from app.learning.ensemble.member import Member, StackedMember
from app.learning.layers import LAYERS, Layer, Linear, ReLU
from app.learning.layers.activations import Sigmoid, Tanh
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import Block
from app.learning.losses import LOSSES, CrossEntropy, Loss
from app.learning.optimizers import SGD, Adam, Momentum, Optimizer, RMSProp
from app.learning.recipe import Recipe
from app.learning.schedules import Constant, Cosine, Schedule, StepDecay
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors
from app.learning.stopping import LossTarget, ParameterChangeLimit, PatienceLimit, Stop
from app.learning.training import Training
from tests.support.ensembles import CPU, Record, data_for, parameters, recipe, variants
from tests.support.optimizers import EVERY_OPTIMIZER
from tests.support.training import network_of

LONG = partial(pytest.param, marks=pytest.mark.long)

kinds = [kind for kind, entry in LAYERS.items() if entry.elementwise and not entry.positive_only]
ELEMENTWISE = layers_from_json([{"type": kind} for kind in kinds])
CHAINS: list[list[Layer]] = [
    *([Linear(7), layer] for layer in ELEMENTWISE),
    [],
    [Linear(8, bias=False), ReLU()],
    [Block((Linear(6), Tanh()), repeat=2)],
    [Linear(8, trainable=False), ReLU(), Linear(5), Tanh()],
    [Linear(8, lr_factor=0.1), ReLU(), Linear(5, trainable=False), Tanh()],
    [Tanh(), Linear(8), Sigmoid()],
]
LOSSES_WITH_OPTIONS: list[Loss] = [
    *(entry() for entry in LOSSES.values()),
    CrossEntropy(class_weights=(1.0, 2.0, 0.5, 3.0), label_smoothing=0.1),
    CrossEntropy(reduction="sum"),
]
SCHEDULES: list[Schedule] = [Constant(), Constant(warmup=7), StepDecay(every=20), Cosine()]


@st.composite
def recipes(draw: st.DrawFn) -> list[Recipe]:
    """Recipes of one architecture, loss, batch size and kind of optimizer; everything else is each one's own."""
    optimizer: Optimizer = draw(st.sampled_from(EVERY_OPTIMIZER))
    optimizer = replace(optimizer, lr=0.003)  # type: ignore[type-var]
    loss = draw(st.sampled_from(LOSSES_WITH_OPTIONS))
    one = recipe(draw(st.sampled_from(CHAINS)), loss, optimizer, draw(st.sampled_from([1, 7, 16, 40])))
    members = variants(one, draw(st.integers(1, 4)))
    stops = st.builds(Stop, max_epochs=st.none(), max_steps=st.sampled_from([100, 40]))
    clipped = st.sampled_from([None, 0.5])
    return [
        replace(member, schedule=draw(st.sampled_from(SCHEDULES)), stop=draw(stops), clip_norm=draw(clipped))
        for member in members
    ]


@given(recipes(), st.data())
@settings(max_examples=12, deadline=None)
def test_each_member_learns_what_it_learns_alone(each: list[Recipe], drawn: st.DataObject) -> None:
    data, ensemble = data_for(each[0].loss), Ensemble(len(each))
    kinds = st.sampled_from([StackedMember, StackedMember, Member])
    members = [drawn.draw(kinds)(recipe, data, CPU) for recipe in each]
    for member in members:
        ensemble.join(member)
    record = Record(ensemble)
    record.finish()
    for member in members:
        alone = Training(member.recipe, data, CPU)
        losses = [step.loss for step in alone.steps()]
        assert record.losses[member] == pytest.approx(losses, rel=1e-5, abs=1e-5)
        assert (member.step, member.epoch, member.stop_reason) == (alone.step, alone.epoch, alone.stop_reason)
        for ours, theirs in zip(member.model.parameters(), alone.model.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


STOPS = [
    Stop(max_epochs=3),
    Stop(max_epochs=50, patience=PatienceLimit(2)),
    Stop(max_epochs=50, target_loss=LossTarget(1.2)),
    Stop(max_epochs=50, min_parameter_change=ParameterChangeLimit(0.01)),
]


def test_each_member_stops_by_its_own_criteria_as_it_would_alone() -> None:
    one = recipe([Linear(8), ReLU()], CrossEntropy(), Adam(lr=0.01))
    data, ensemble = data_for(one.loss), Ensemble(len(STOPS))
    members = [StackedMember(replace(one, stop=stop), data, CPU) for stop in STOPS]
    for member in members:
        ensemble.join(member)
    Record(ensemble).finish()
    for member in members:
        alone = Training(member.recipe, data, CPU)
        *_, last = alone.steps()
        assert (member.step, member.stop_reason) == (last.number, alone.stop_reason)
        (network, step), (wanted, step_alone) = member.served(), alone.served()
        assert step == step_alone
        for ours, theirs in zip(network.parameters(), wanted.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def undisturbed(of: Recipe) -> tuple[list[float], list[torch.Tensor]]:
    """The losses and the last parameters of a member that has its ensemble for itself."""
    ensemble, member = Ensemble(1), StackedMember(of, data_for(of.loss), CPU)
    ensemble.join(member)
    record = Record(ensemble)
    record.finish()
    return record.losses[member], parameters(member)


OPTIMIZERS: list[Optimizer] = [Adam(), SGD(), Momentum(), RMSProp()]
BITS: list[tuple[list[Layer], Loss, Optimizer, int]] = [
    ([Linear(7), layer], loss, optimizer, batch)
    for layer, loss, optimizer, batch in zip(
        ELEMENTWISE,
        LOSSES_WITH_OPTIONS * 2,
        OPTIMIZERS * 3,
        [7, 16, 5, 3, 16, 1, 7, 16, 5, 3, 16],
        strict=False,
    )
]


@pytest.mark.parametrize(("layers", "loss", "optimizer", "batch"), BITS, ids=lambda part: str(part)[:40])
def test_no_bit_of_a_member_depends_on_the_others(
    layers: list[Layer], loss: Loss, optimizer: Optimizer, batch: int
) -> None:
    one = recipe(layers, loss, optimizer, batch, steps=40)
    losses, weights = undisturbed(one)
    data, ensemble = data_for(loss), Ensemble(5)
    short, broken, raising, longer = variants(one, 5)[1:]
    others = [
        replace(short, stop=Stop(max_epochs=None, max_steps=3)),
        replace(broken, stop=Stop(max_steps=60, divergence=None)),
        raising,
    ]
    members = [*(StackedMember(other, data, CPU) for other in others), Member(longer, data, CPU)]
    for parameter in members[1].model.parameters():
        torch.nn.init.constant_(parameter, math.nan)
    members[2].measure = _breaks  # type: ignore[method-assign, assignment]
    for other in members[:3]:
        ensemble.join(other)
    record = Record(ensemble)
    record.step()
    member = StackedMember(one, data, CPU)
    ensemble.join(member)  # later than the others, so that the ends of its epochs are other steps than theirs
    for _ in range(9):
        record.step()
    ensemble.join(members[3])
    record.finish()
    assert record.losses[member] == losses
    assert all(map(torch.equal, parameters(member), weights))
    assert [len(record.losses[other]) for other in members[:1]] == [3]
    assert list(record.errors) == [members[2]]
    assert all(map(math.isnan, record.losses[members[1]])) and len(record.losses[members[1]]) == 60


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_member_that_breaks_before_its_step_leaves_the_others_their_batches(place: int) -> None:
    one = recipe([Linear(8), ReLU()], CrossEntropy(), Adam(), steps=9)
    losses, weights = undisturbed(one)
    data, ensemble = data_for(one.loss), Ensemble(3)
    others = [StackedMember(other, data, CPU) for other in variants(one, 3)[1:]]
    member = StackedMember(one, data, CPU)
    members = [*others[:1], member, *others[1:]]
    for each in members:
        ensemble.join(each)
    record = Record(ensemble)
    record.step()
    if members[place] is not member:
        members[place]._set_learning_rates = _breaks  # type: ignore[method-assign, assignment]
    record.finish()
    assert record.losses[member] == losses and all(map(torch.equal, parameters(member), weights))
    assert list(record.errors) == [each for each in members[place : place + 1] if each is not member]


def _breaks(*_: object, **__: object) -> object:
    raise RuntimeError("the evaluation breaks")


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
@pytest.mark.parametrize("at", [*map(LONG, (1, 3)), 7])  # within an epoch, at its end, and later
def test_a_member_goes_on_in_another_ensemble_with_the_same_bits(optimizer: Optimizer, at: int) -> None:
    one = recipe([Linear(8), ReLU()], CrossEntropy(), optimizer, steps=12)
    losses, weights = undisturbed(one)
    data, first = data_for(one.loss), Ensemble(3)
    stopped, *others = (StackedMember(each, data, CPU) for each in variants(one, 3))
    for member in (stopped, *others):
        first.join(member)
    record = Record(first)
    for _ in range(at):
        record.step()
    file = checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))
    first.leave(stopped)
    record.finish()

    second, restored = Ensemble(2), StackedMember(one, data, CPU)
    restored.restore(checkpoint_from_safetensors(file))
    for member in (StackedMember(variants(one, 4)[3], data, CPU), restored):
        second.join(member)
    rest = Record(second)
    rest.finish()
    assert record.losses[stopped] + rest.losses[restored] == losses
    assert all(map(torch.equal, parameters(restored), weights))


def test_what_has_left_an_ensemble_keeps_its_parameters() -> None:
    one = recipe([Linear(8), ReLU(), Linear(5, trainable=False)], CrossEntropy(), Adam())
    data, ensemble = data_for(one.loss), Ensemble(2)
    leaving, staying = (StackedMember(each, data, CPU) for each in variants(one, 2))
    ensemble.join(leaving)
    ensemble.join(staying)
    record = Record(ensemble)
    record.step()
    kept = parameters(leaving)
    ensemble.leave(leaving)
    record.step()
    assert all(map(torch.equal, parameters(leaving), kept))
    assert len(record.losses[staying]) == 2 and len(record.losses[leaving]) == 1


def test_the_calls_of_a_step_are_bound_once_for_each_number_of_slots() -> None:
    one = recipe([Linear(8), ReLU()], CrossEntropy(), SGD(), steps=4)
    data, ensemble = data_for(one.loss), Ensemble(3)
    bound: list[int] = []
    waiting = [StackedMember(each, data, CPU) for each in variants(one, 9)]
    for member in waiting[:3]:
        ensemble.join(member)
    assert ensemble.chain is not None
    bind: Callable[[int], object] = ensemble.chain._bind
    ensemble.chain._bind = lambda slots: (bound.append(slots), bind(slots))[1]  # type: ignore[method-assign, assignment, return-value, func-returns-value]
    remaining = waiting[3:]
    while ensemble.members:
        ensemble.step()
        while remaining and len(ensemble.members) < 3:
            ensemble.join(remaining.pop())
    assert bound == [3]
    assert {member.step for member in waiting} == {4}


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_a_member_that_is_not_stacked_has_the_bits_of_a_training_alone(optimizer: Optimizer) -> None:
    one, other = variants(recipe([Linear(8), ReLU()], CrossEntropy(), optimizer, steps=12), 2)
    data, ensemble = data_for(one.loss), Ensemble(3)
    member = Member(one, data, CPU)
    for each in (StackedMember(other, data, CPU), member, Member(other, data, CPU)):
        ensemble.join(each)
    record = Record(ensemble)
    record.finish()
    alone = Training(one, data, CPU)
    assert record.losses[member] == [step.loss for step in alone.steps()]
    assert all(map(torch.equal, parameters(member), parameters(alone)))


def test_members_that_are_not_stacked_take_turns_of_several_steps_that_end_with_the_epoch() -> None:
    one = recipe([Linear(8), ReLU()], CrossEntropy(), SGD(), batch_size=1, steps=100)  # 40 steps in an epoch
    data, ensemble = data_for(one.loss), Ensemble(3)
    first, second = (Member(each, data, CPU) for each in variants(one, 2))
    for member in (first, second):
        ensemble.join(member)
    for steps in (TURN, 2 * TURN, 40, 40 + TURN):
        ensemble.step()
        assert first.step == second.step == steps
    stacked = StackedMember(variants(one, 3)[2], data, CPU)
    ensemble.join(stacked)
    ensemble.step()
    assert (stacked.step, first.step) == (1, 41 + TURN)  # beside a stacked member, a turn is one step
