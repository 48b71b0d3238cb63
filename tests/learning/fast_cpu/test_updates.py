import pytest
import torch
from torch import Tensor, nn

from app.learning.architecture import build, parameter_groups
from app.learning.fast_cpu import updates
from app.learning.fast_cpu.updates import FlatUpdate, FusedAdamUpdate, TargetedUpdate
from app.learning.layers import Linear, ReLU
from app.learning.optimizers import Adam, AdamW, Optimizer

ADAMS = [
    Adam(),
    Adam(lr=0.1, betas=(0.5, 0.7), eps=1e-3, weight_decay=0.2),
    AdamW(),
    AdamW(lr=0.03, betas=(0.0, 0.9), eps=1e-5, weight_decay=0.5),
]


def network() -> nn.Sequential:
    """A network with two learning rates: two groups of parameters."""
    torch.manual_seed(0)
    return build([Linear(7, lr_factor=0.1), ReLU(), Linear(3)], (5,))


def steps(
    model: nn.Module, update: TargetedUpdate, optimizer: torch.optim.Optimizer, first: int, last: int
) -> list[Tensor]:
    """The parameters after steps with made-up gradients and changing learning rates."""
    for step in range(first, last):
        numbers = torch.Generator().manual_seed(step)
        for group in optimizer.param_groups:
            group["lr"] = group["initial"] / (step + 1)
        for parameter in model.parameters():
            update.target(parameter).tensor.copy_(torch.randn(parameter.shape, generator=numbers))
        update.step()
    return [parameter.detach().clone() for parameter in model.parameters()]


def prepared(entry: Optimizer, kind: type[FlatUpdate]) -> tuple[nn.Module, TargetedUpdate, torch.optim.Optimizer]:
    model = network()
    optimizer = entry.build(parameter_groups(model))
    for group in optimizer.param_groups:
        group["initial"] = group["lr"] * group["lr_factor"]
    return model, kind(entry, optimizer), optimizer  # type: ignore[arg-type]


@pytest.mark.parametrize("entry", ADAMS, ids=repr)
def test_the_kernel_called_here_leaves_the_bits_that_torch_optim_leaves(entry: Adam | AdamW) -> None:
    ours, theirs = prepared(entry, FusedAdamUpdate), prepared(entry, FlatUpdate)
    for mine, other in zip(steps(*ours, 0, 20), steps(*theirs, 0, 20), strict=True):
        assert torch.equal(mine, other)
    mine, other = ours[1].state(), theirs[1].state()
    assert mine.keys() == other.keys() == {0, 1, 2, 3}
    for index, state in mine.items():
        assert state.keys() == other[index].keys() == {"step", "exp_avg", "exp_avg_sq"}
        assert all(torch.equal(value, other[index][name]) for name, value in state.items())


@pytest.mark.parametrize("entry", ADAMS, ids=repr)
def test_adam_goes_on_from_a_state_as_if_it_had_not_stopped(entry: Adam | AdamW) -> None:
    whole = steps(*prepared(entry, FusedAdamUpdate), 0, 12)
    first = prepared(entry, FusedAdamUpdate)
    steps(*first, 0, 5)
    second = prepared(entry, FusedAdamUpdate)
    second[0].load_state_dict(first[0].state_dict())
    second[1].load({index: {n: v.clone() for n, v in state.items()} for index, state in first[1].state().items()})
    for mine, other in zip(steps(*second, 5, 12), whole, strict=True):
        assert torch.equal(mine, other)


@pytest.mark.parametrize("entry", ADAMS, ids=repr)
def test_gradients_by_hand_go_to_that_kernel(entry: Optimizer) -> None:
    assert (
        type(updates.choose_update(entry, entry.build(parameter_groups(network())), unmodified=True)) is FusedAdamUpdate
    )
