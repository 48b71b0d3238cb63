"""Trainings with injected faults: each makes one mistake that the lecture makes or warns of.

Only the trials of experiments use them. No request can ask for one.
"""

from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from app.learning.data import Data, Part
from app.learning.evaluation import Metrics
from app.learning.recipe import Recipe
from app.learning.stepper import AutogradStepper, Stepper, tensors_under
from app.learning.training import Training


class Fault(Training):
    """A training with one mistake, which `mistake` describes in a sentence. Its gradients are autograd's."""

    mistake: ClassVar[str]
    faulty_stepper: ClassVar[type[AutogradStepper]] = AutogradStepper

    def build_stepper(self) -> Stepper:
        return self.faulty_stepper(self.recipe, self.model, self.optimizer, self.data)


class AscentStepper(AutogradStepper):
    def gradient(self, indices: Tensor) -> Tensor:
        loss = super().gradient(indices)
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.neg_()
        return loss


class Ascent(Fault):
    """L359, L397: θ ← θ + η∇L"""

    mistake = "every gradient has the wrong sign, so the loss climbs instead of descending"
    faulty_stepper = AscentStepper


class ForgottenZeroGradStepper(AutogradStepper):
    """Gradients add up in `.grad`, which is therefore part of the state."""

    def gradient(self, indices: Tensor) -> Tensor:
        parameters = list(self.model.parameters())
        before = [parameter.grad for parameter in parameters]
        loss = super().gradient(indices)
        for parameter, sum_before in zip(parameters, before, strict=True):
            if sum_before is not None and parameter.grad is not None:
                parameter.grad.add_(sum_before)
        return loss

    def state(self) -> dict[str, Tensor]:
        gradients = {name: parameter.grad for name, parameter in self.model.named_parameters()}
        return super().state() | {f"gradient.{name}": grad for name, grad in gradients.items() if grad is not None}

    def load(self, tensors: dict[str, Tensor]) -> None:
        super().load(tensors)
        gradients = tensors_under("gradient.", tensors)
        for name, parameter in self.model.named_parameters():
            if name in gradients:
                parameter.grad = gradients[name].to(self.device)


class ForgottenZeroGrad(Fault):
    """L825: backward adds to `.grad`, and nothing empties it."""

    mistake = "each step's gradient also contains the gradients of all earlier steps"
    faulty_stepper = ForgottenZeroGradStepper


class BroadcastLossStepper(AutogradStepper):
    def gradient(self, indices: Tensor) -> Tensor:
        inputs, targets = self.data.batch(indices, self.device)
        self.optimizer.zero_grad()
        loss: Tensor = (self.model.train()(inputs) - targets).square().mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()


class BroadcastLoss(Fault):
    """L904 without its `squeeze(1)`: (N, 1) − (N,) is (N, N), every prediction against every target."""

    mistake = "predictions (N, 1) are compared with targets (N,), which makes (N, N) differences"
    faulty_stepper = BroadcastLossStepper


class ForgottenEval(Fault):
    """L867: accuracy of a network that was not put into eval mode."""

    mistake = "the metrics are measured in training mode, with dropout active"

    def measure(self, *parts: Part, model: nn.Module | None = None) -> dict[Part, Metrics]:
        return super().measure(*parts, model=InTraining(model or self.model))


class InTraining(nn.Module):
    """A network that is always in training mode."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        before = self.model.training
        output: Tensor = self.model.train()(x)
        self.model.train(before)
        return output


class WrongLabel(Fault):
    """L748: X_train[i] has the label y[i] from before the shuffled split, which belongs to another picture."""

    mistake = "training examples have the labels from before the shuffled split, which belong to other pictures"

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
    """The training class for a fault; the ordinary one for None."""
    return Training if fault is None else FAULTS[fault]
