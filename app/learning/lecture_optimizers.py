"""The lecture's optimizers (lecture, "methods of optimising SGD"), each written as its equation.

θ are the parameters, g is the gradient at θ, and η is the learning rate. Squares, roots and divisions are elementwise,
and all state starts at zero. They descend: the lecture's θ + η∇L for gradient descent has the wrong sign. They differ
from PyTorch's forms: η is inside the momentum's velocity, ε is inside the root, and Adam has no bias correction.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

Parameters = Iterable[Parameter] | Iterable[dict[str, Any]]


class LectureOptimizer(torch.optim.Optimizer):
    """Base class: applies `update` to each parameter, with PyTorch's parameter groups and state dictionary."""

    def __init__(self, parameters: Iterable[Any], **hyperparameters: Any) -> None:
        super().__init__(parameters, hyperparameters)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure: the loss is never re-evaluated
        for group in self.param_groups:
            for θ in group["params"]:
                if θ.grad is not None:
                    self.update(θ, θ.grad, self.state[θ], group)

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:
        """Update θ in place; g and every tensor in `state` have its shape."""
        raise NotImplementedError


class GradientDescent(LectureOptimizer):
    """θ ← θ − ηg"""

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:  # noqa: ARG002
        η = hyper["lr"]
        θ -= η * g


class Inertia(LectureOptimizer):
    """v ← μv − ηg,  θ ← θ + v

    Dampening δ scales the gradient by (1 − δ), from the first step on: the lecture's "0.9 of the old speed and 0.1 of
    the new" is μ = δ = 0.9. PyTorch does not dampen the first step.
    """

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:
        η, μ, δ = hyper["lr"], hyper["momentum"], hyper["dampening"]
        v = state.get("v", 0)
        state["v"] = v = μ * v - (1 - δ) * η * g
        θ += v


class SumOfSquares(LectureOptimizer):
    """AdaGrad: G ← G + g²,  θ ← θ − η/√(G + ε)·g"""

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:
        η, ε = hyper["lr"], hyper["eps"]
        G = state.get("G", 0)
        state["G"] = G = G + g**2
        θ -= η / (G + ε).sqrt() * g


class MeanOfSquares(LectureOptimizer):
    """RMSProp: G ← μG + (1 − μ)g²,  θ ← θ − η/√(G + ε)·g"""

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:
        η, μ, ε = hyper["lr"], hyper["alpha"], hyper["eps"]
        G = state.get("G", 0)
        state["G"] = G = μ * G + (1 - μ) * g**2
        θ -= η / (G + ε).sqrt() * g


class UncorrectedAdam(LectureOptimizer):
    """Adam: v ← β₁v + (1 − β₁)g,  G ← μG + (1 − μ)g²,  θ ← θ − η/√(G + ε)·v"""

    def update(self, θ: Tensor, g: Tensor, state: dict[str, Any], hyper: dict[str, Any]) -> None:
        η, (β1, μ), ε = hyper["lr"], hyper["betas"], hyper["eps"]
        v, G = (state.get(name, 0) for name in ("v", "G"))
        state["v"] = v = β1 * v + (1 - β1) * g
        state["G"] = G = μ * G + (1 - μ) * g**2
        θ -= η / (G + ε).sqrt() * v
