"""Trainings that go wrong on purpose, each by one mistake that the lecture makes or warns of.

Only the trials of experiments use them: `POST /runs` knows nothing of them.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from app.learning.data import Data, Part
from app.learning.evaluation import Metrics
from app.learning.training import Checkpoint, Recipe, Training, under


class Fault(Training):
    """`mistake` says in a sentence what is done wrong."""

    by_hand: ClassVar[bool] = False
    mistake: ClassVar[str]


class Ascent(Fault):
    """L359, L397: θ ← θ + η∇L"""

    mistake = "every gradient has the other sign: it climbs where it should descend"

    def _gradient(self, indices: Tensor) -> Tensor:
        loss = super()._gradient(indices)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.neg_()
        return loss


class ForgottenZeroGrad(Fault):
    """L825: backward adds to what stands in `.grad`, and nothing empties it. What stands there is part of the state."""

    mistake = "the gradients of all steps before are added to each step's"

    def _gradient(self, indices: Tensor) -> Tensor:
        parameters = list(self.model.parameters())
        before = [parameter.grad for parameter in parameters]
        loss = super()._gradient(indices)
        for parameter, kept in zip(parameters, before, strict=True):
            if kept is not None and parameter.grad is not None:
                parameter.grad.add_(kept)
        return loss

    def checkpoint(self) -> Checkpoint:
        found = super().checkpoint()
        gradients = {name: parameter.grad for name, parameter in self.model.named_parameters()}
        kept = {f"gradient.{name}": g.cpu().clone() for name, g in gradients.items() if g is not None}
        return replace(found, tensors=found.tensors | kept)

    def restore(self, checkpoint: Checkpoint) -> None:
        super().restore(checkpoint)
        kept = under("gradient.", checkpoint.tensors)
        for name, parameter in self.model.named_parameters():
            if name in kept:
                parameter.grad = kept[name].to(self.device)


class BroadcastLoss(Fault):
    """L904 without its `squeeze(1)`: (N, 1) − (N,) is (N, N), every prediction against every target."""

    mistake = "predictions (N, 1) are compared with targets (N,), which makes (N, N) differences"

    def _gradient(self, indices: Tensor) -> Tensor:
        inputs, targets = self.data.batch(indices, self.device)
        self.optimizer.zero_grad()
        loss: Tensor = (self.model.train()(inputs) - targets).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()


class ForgottenEval(Fault):
    """L867: accuracy of a network that was not put into eval mode."""

    mistake = "the metrics are measured in training mode, with dropout at work"

    def measure(self, *parts: Part, model: nn.Module | None = None) -> dict[Part, Metrics]:
        return super().measure(*parts, model=InTraining(model or self.model))


class InTraining(nn.Module):
    """A network in training mode, whatever is asked of it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        before = self.model.training
        found: Tensor = self.model.train()(x)
        self.model.train(before)
        return found


class WrongLabel(Fault):
    """L748: X_train[i] has the label y[i] of before the shuffled split, which is another picture's."""

    mistake = "training examples, shuffled by the split, have the labels of before it: other pictures'"

    def __init__(self, recipe: Recipe, data: Data, device: torch.device) -> None:
        targets, train = data.targets.clone(), data.parts["train"]
        targets[train] = data.targets[: len(train)]
        super().__init__(recipe, replace(data, targets=targets), device)


FAULTS: dict[str, type[Fault]] = {
    "ascent": Ascent,
    "forgotten_zero_grad": ForgottenZeroGrad,
    "broadcast_loss": BroadcastLoss,
    "forgotten_eval": ForgottenEval,
    "wrong_label": WrongLabel,
}


def training_of(fault: str | None) -> type[Training]:
    """How a run with this slip trains; without one as it should."""
    return Training if fault is None else FAULTS[fault]
