"""Experiments on backpropagation (L231–345), computed without runs."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from app.insight.analysis.backpropagation import write_out
from app.insight.diagnosis.facts import Facts
from app.insight.experiments.experiment import Experiment, Seen
from app.learning.architecture import build, flatten_layers, flatten_modules, rows
from app.learning.layers import Layer, Linear, ReLU, Sigmoid
from app.learning.losses import MSE

N, D, M = 2, 3, 2  # examples, inputs, hidden units


def integers(*shape: int) -> Tensor:
    return torch.randint(-3, 4, shape).double()


# backprop_by_hand


def see_backprop_by_hand(_: int, __: Mapping[str, Facts]) -> Seen:
    X, W1, W2, Y = integers(N, D), integers(D, M), integers(M, 1), integers(N, 1)
    W1.requires_grad_(), W2.requires_grad_()
    T = X @ W1
    T.retain_grad()
    ((T @ W2 - Y) ** 2).sum().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        of_T = 2 * (T @ W2 - Y) @ W2.t()
        of_W2 = T.t() @ (2 * (T @ W2 - Y))
        of_W1 = X.t() @ of_T
    pairs = ((W2.grad, of_W2), (T.grad, of_T), (W1.grad, of_W1))
    apart = max(float((theirs - ours).abs().max()) for theirs, ours in pairs if theirs is not None)
    written, gated = with_sigmoid()
    named = {"X": X, "W1": W1, "T": T, "W2": W2, "Y": Y, "∂L/∂W2": of_W2, "∂L/∂T": of_T, "∂L/∂W1": of_W1}
    return Seen(
        {"apart": apart, "gated_apart": gated},
        shown=apart == 0 and gated < 1e-6,
        details={
            "matrices": {name: matrix.tolist() for name, matrix in named.items()},
            "with_sigmoid": written,
        },
    )


def with_sigmoid() -> tuple[list[dict[str, Any]], float]:
    """All products of the same network with a sigmoid, and the largest difference of its gradients from autograd's."""
    layers: list[Layer] = [Linear(M, bias=False), Sigmoid(), Linear(1, bias=False)]
    loss = MSE(reduction="sum")
    model, x, y = build(layers, (D,)), integers(N, D).float(), integers(N).float()
    loss.function(model(x), y).backward()  # type: ignore[no-untyped-call]
    places = list(flatten_layers(rows(layers, (D,))))
    written = write_out(places, list(flatten_modules(model)), x, y, loss)
    return [asdict(line) for line in written.products], written.largest_difference


BACKPROP_BY_HAND = Experiment(
    name="backprop_by_hand",
    about=("linear", "sigmoid", "mse"),
    title="Backpropagation by hand",
    lines="L245–304",
    claim="∂L/∂W₂ = Σ 2(TⱼW₂ − Yⱼ)Tⱼ, ∂L/∂Tⱼ = 2(TⱼW₂ − Yⱼ)W₂, ∂L/∂W₁ = Xᵀ ∂L/∂T.",
    right="True for L = Σ (TW₂ − Y)²; with a mean, the gradients have a factor of 1/N. A nonlinearity between the "
    "layers multiplies the gradient that passes it by its derivative, element by element.",
    sentence="For 2 examples, 3 inputs and 2 hidden units, all whole numbers, the lecture's formulas and autograd "
    "differ by {apart}. With a sigmoid between the layers, in single precision, they differ by {gated_apart}.",
    observe=see_backprop_by_hand,
)

# backward_does_not_update


def see_backward_does_not_update(_: int, __: Mapping[str, Facts]) -> Seen:
    X, W1, W2, Y = (torch.randn(*shape).double() for shape in ((8, D), (D, M), (M, 1), (8, 1)))

    def loss(first: Tensor) -> Tensor:
        return ((X @ first @ W2 - Y) ** 2).mean()

    T = X @ W1
    above = 2 * (T @ W2 - Y) / len(X)
    updated = W2 - 0.1 * T.t() @ above  # as if W₂ were updated before it passes the gradient on
    after_all, too_soon = X.t() @ (above @ W2.t()), X.t() @ (above @ updated.t())
    right = by_differences(loss, W1)
    numbers = {
        "after": float((after_all - right).norm() / right.norm()),
        "too_soon": float((too_soon - right).norm() / right.norm()),
    }
    return Seen(numbers, shown=numbers["after"] < 1e-6 and numbers["too_soon"] > 0.01)


def by_differences(loss: Any, at: Tensor, ε: float = 1e-6) -> Tensor:
    """∂loss/∂at by central differences."""
    gradient = torch.zeros_like(at)
    for place in product(*map(range, at.shape)):
        step = torch.zeros_like(at)
        step[place] = ε
        gradient[place] = (loss(at + step) - loss(at - step)) / (2 * ε)
    return gradient


BACKWARD_DOES_NOT_UPDATE = Experiment(
    name="backward_does_not_update",
    about=("linear",),
    title="Backward does not update",
    lines="L308, L315, L341, L344",
    claim="A layer gets the gradient, updates its parameters with it, and passes the gradient on.",
    right="Backward only stores the gradients; `step()` updates all parameters afterwards. If W₂ were updated first, "
    "it would pass on the gradient of another network.",
    sentence="Compared with finite differences, the gradient of W₁ has a relative error of {after}. It is {too_soon} "
    "if W₂ is updated before it passes the gradient on.",
    observe=see_backward_does_not_update,
)

# eval_is_not_no_grad

LAYERS, UNITS, EXAMPLES = 8, 256, 512
SETTINGS = (  # name, training mode, gradients
    ("train", True, True),
    ("eval", False, True),
    ("train_no_grad", True, False),
    ("eval_no_grad", False, False),
)


def kept_for_backward(model: nn.Sequential, x: Tensor) -> int:
    """Bytes that autograd keeps of a forward pass, without the parameters."""
    own = {parameter.data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.nbytes
        return tensor

    held = []  # a freed tensor might give its address to another
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        for layer in model:
            x = layer(x)
            held.append(x)
    return sum(kept.values())


def see_eval_is_not_no_grad(_: int, __: Mapping[str, Facts]) -> Seen:
    model = build([Linear(UNITS), ReLU()] * LAYERS, (UNITS,))
    x = torch.randn(EXAMPLES, UNITS)
    numbers: dict[str, float] = {}
    for name, training, learning in SETTINGS:
        model.train(training)
        with nullcontext() if learning else torch.no_grad():
            numbers[name] = kept_for_backward(model, x)
    shown = numbers["train"] == numbers["eval"] > 0 == numbers["train_no_grad"] == numbers["eval_no_grad"]
    return Seen(numbers, shown)


EVAL_IS_NOT_NO_GRAD = Experiment(
    name="eval_is_not_no_grad",
    title="Eval mode is not no_grad",
    lines="L328–335, L343",
    claim="In eval mode, the network does not keep the values between its layers, which saves memory.",
    right="`model.eval()` only changes what dropout and batch norm do; it keeps as much as `model.train()` for linear "
    "layers and activations. It is `torch.no_grad()` that keeps nothing.",
    sentence="For 512 examples through 8 layers of 256 units, training mode keeps {train} bytes and eval mode {eval}. "
    "Under `no_grad`, both keep {eval_no_grad}.",
    observe=see_eval_is_not_no_grad,
)

EXPERIMENTS = (BACKPROP_BY_HAND, BACKWARD_DOES_NOT_UPDATE, EVAL_IS_NOT_NO_GRAD)
