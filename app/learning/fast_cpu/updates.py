"""Where gradients go, and the step that follows from them.

Autograd leaves them in the parameters' `grad`, and the optimizer takes its step from there (`Stored`). Gradients that
are made by hand may go where they are used. All parameters lie side by side in one tensor then, so that one call
updates them all (`Flat`); and momentum and plain gradient descent do without a gradient: the matrix product that makes
it adds it to the velocity (`IntoVelocity`), or to the weights themselves (`IntoWeights`), in the same pass.

All leave the same state behind, a parameter at a time as `torch.optim` keeps it: a checkpoint of one is another's.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from app.learning.optimizers import SGD, Adam, AdamW, Momentum, Optimizer

State = dict[int, dict[str, Tensor]]  # of each parameter, by its number


class GradientTarget(NamedTuple):
    """`tensor` ← beta · `tensor` + alpha() · gradient; alpha is 1 where beta is 0. It holds for all steps."""

    tensor: Tensor
    beta: float
    alpha: Callable[[], float]


class UpdateRule(Protocol):
    """The way from gradients to the optimizer's step."""

    def step(self) -> None:
        """What is left to do when all gradients have arrived, at the learning rates of the optimizer's groups."""
        ...

    def state(self) -> State: ...

    def load(self, state: State) -> None: ...


class TargetedUpdate(UpdateRule, Protocol):
    """One that says where a gradient made by hand shall go."""

    def place(self, parameter: Tensor) -> GradientTarget: ...


class TorchUpdate:
    """In `grad`, for the optimizer."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        self.optimizer.step()

    def state(self) -> State:
        found: State = self.optimizer.state_dict()["state"]
        return found

    def load(self, state: State) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        whole = self.optimizer.state_dict()
        whole["state"] = {
            index: {name: _laid_out(value, parameters[index]) for name, value in values.items()}
            for index, values in state.items()
        }
        self.optimizer.load_state_dict(whole)


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """In memory as the parameter is: fused kernels go through both in step."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


class FlatParameters:
    """Parameters side by side in one tensor; a matrix lies there as (in, out), transposed to PyTorch's (out, in)."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.shapes = [parameter.shape for parameter in parameters]
        self.whole = nn.Parameter(torch.cat([parameter.detach().t().flatten() for parameter in parameters]))
        for parameter, piece in zip(parameters, self.pieces(self.whole.data), strict=True):
            parameter.data = piece

    def pieces(self, whole: Tensor) -> list[Tensor]:
        """The parts of a tensor that belong to each parameter, in its shape."""
        sizes = [shape.numel() for shape in self.shapes]
        return [part.view(shape[::-1]).t() for part, shape in zip(torch.split(whole, sizes), self.shapes, strict=True)]

    def split(self, state: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """The state of all as that of each."""
        found: list[dict[str, Tensor]] = [{} for _ in self.shapes]
        for name, value in state.items():
            each = self.pieces(value) if value.shape == self.whole.shape else [value] * len(found)
            for values, piece in zip(found, each, strict=True):
                values[name] = piece
        return found

    def joined(self, states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """The way back."""
        found: dict[str, Tensor] = {}
        for name, first in states[0].items():
            if first.shape != self.shapes[0]:  # a number, the same for each
                found[name] = first.clone()  # the optimizer counts on in it
                continue
            found[name] = torch.empty_like(self.whole.data, dtype=first.dtype)
            for piece, state in zip(self.pieces(found[name]), states, strict=True):
                piece.copy_(state[name])
        return found


class _Rows:
    """What the three have in common: a row for each group of the optimizer, and the optimizer's state of each row."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.groups = optimizer.param_groups
        self.rows = [FlatParameters(group["params"]) for group in self.groups]
        self.states: list[dict[str, Tensor]] = [{} for _ in self.rows]

    def places(self, wholes: list[Tensor], beta: float) -> dict[Tensor, GradientTarget]:
        """Each parameter's place in a tensor that lies as its row does."""
        return {
            parameter: GradientTarget(piece, beta, lambda: 1.0)
            for group, row, whole in zip(self.groups, self.rows, wholes, strict=True)
            for parameter, piece in zip(group["params"], row.pieces(whole), strict=True)
        }

    def state(self) -> State:
        each = [state for row, whole in zip(self.rows, self.states, strict=True) for state in row.split(whole)]
        return {index: state for index, state in enumerate(each) if state}

    def load(self, state: State) -> None:
        index = 0
        for row, whole in zip(self.rows, self.states, strict=True):
            for name, value in row.joined([state.get(index + i, {}) for i in range(len(row.shapes))]).items():
                if name in whole:
                    whole[name].copy_(value)  # where gradients have their place
                else:
                    whole[name] = value
            index += len(row.shapes)


class FlatUpdate(_Rows):
    """In one gradient, from which the optimizer updates all parameters as one."""

    def __init__(self, entry: Optimizer, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer)
        self.optimizer = entry.build([{"params": [row.whole]} for row in self.rows])
        self.states = [self.optimizer.state[row.whole] for row in self.rows]  # the optimizer's own, not copies
        self.gradients = [torch.zeros_like(row.whole.data) for row in self.rows]
        for row, gradient in zip(self.rows, self.gradients, strict=True):
            row.whole.grad = gradient
        self.place_of = self.places(self.gradients, 0.0)
        for parameter, place in self.place_of.items():
            parameter.grad = place.tensor

    def place(self, parameter: Tensor) -> GradientTarget:
        return self.place_of[parameter]

    def step(self) -> None:
        for group, whole in zip(self.groups, self.optimizer.param_groups, strict=True):
            whole["lr"] = group["lr"]
        self.optimizer.step()


class FusedAdamUpdate(FlatUpdate):
    """The same with the kernel of Adam and AdamW called here: `torch.optim` takes an eighth of a small network's step
    before it calls it."""

    def __init__(self, entry: Adam | AdamW, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(entry, optimizer)
        beta1, beta2 = entry.betas
        self.update = partial(
            torch._fused_adam_ if isinstance(entry, Adam) else torch._fused_adamw_,
            beta1=beta1,
            beta2=beta2,
            eps=entry.eps,
            weight_decay=entry.weight_decay,
            amsgrad=False,
            maximize=False,
        )

    def step(self) -> None:
        if not all(self.states):
            super().step()  # which lays out the state
            return
        for group, row, g, state in zip(self.groups, self.rows, self.gradients, self.states, strict=True):
            θ, m, v, t = row.whole.data, state["exp_avg"], state["exp_avg_sq"], state["step"]
            t += 1
            self.update([θ], [g], [m], [v], [], [t], lr=group["lr"])


class MomentumInPlace(_Rows):
    """v ← μv + g as the gradient arrives; then θ ← θ − ηv."""

    def __init__(self, optimizer: torch.optim.Optimizer, momentum: float) -> None:
        super().__init__(optimizer)
        self.velocities = [torch.zeros_like(row.whole.data) for row in self.rows]
        self.states = [{"momentum_buffer": velocity} for velocity in self.velocities]
        self.place_of = self.places(self.velocities, momentum)

    def place(self, parameter: Tensor) -> GradientTarget:
        return self.place_of[parameter]

    def step(self) -> None:
        for group, row, velocity in zip(self.groups, self.rows, self.velocities, strict=True):
            row.whole.data.add_(velocity, alpha=-group["lr"])


class SGDInPlace(_Rows):
    """θ ← θ − ηg as the gradient arrives."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        super().__init__(optimizer)
        self.group = {parameter: group for group in self.groups for parameter in group["params"]}

    def place(self, parameter: Tensor) -> GradientTarget:
        group = self.group[parameter]
        return GradientTarget(parameter.data, 1.0, lambda: -group["lr"])

    def step(self) -> None:
        """Nothing is left to do."""


def choose_update(entry: Optimizer, optimizer: torch.optim.Optimizer, as_they_are: bool) -> TargetedUpdate:
    """The shortest way for gradients that are made by hand, and used as they are or changed first."""
    match entry:
        case SGD(weight_decay=0) if as_they_are:
            return SGDInPlace(optimizer)
        case Momentum(weight_decay=0, dampening=0, nesterov=False) if as_they_are:
            return MomentumInPlace(optimizer, entry.momentum)
        case Adam() | AdamW():
            return FusedAdamUpdate(entry, optimizer)
    return FlatUpdate(entry, optimizer)
