"""Backpropagation written out: each product with its shapes and, where they are few, its numbers.

For networks that are chains of linear layers and activations. As in the lecture, a row is an example: Z = AW + b, and

    ∂L/∂W = Aᵀ·∂L/∂Z    ∂L/∂b = 1ᵀ·∂L/∂Z    ∂L/∂A = ∂L/∂Z·Wᵀ    ∂L/∂Z = ∂L/∂A ⊙ f′(Z)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import pi, sqrt
from typing import Literal

import torch
from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, Shape
from app.learning.layers.activations import LeakyReLU
from app.learning.layers.structure import Placed
from app.learning.losses import Loss
from app.messages import Fix

FEW = 256  # numbers of a matrix, to be written out
MOST_LAYERS = 50  # that are linear
MOST_PRODUCTS = 10**8

Placement = list[tuple[str, Placed]]
DERIVATIVES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda z: (z > 0).to(z.dtype),
    "sigmoid": lambda z: z.sigmoid() * (1 - z.sigmoid()),
    "tanh": lambda z: 1 - z.tanh().square(),
    "gelu": lambda z: 0.5 * (1 + torch.erf(z / sqrt(2))) + z * torch.exp(-z.square() / 2) / sqrt(2 * pi),
    "square": lambda z: 2 * z,
    "sine": lambda z: z.cos(),
    "log": lambda z: 1 / z,
}


@dataclass(frozen=True)
class Matrix:
    """`values` by rows; None where there are over `FEW`."""

    name: str
    shape: Shape
    values: list[list[float]] | None


@dataclass(frozen=True)
class Product:
    """One line of the calculation: `result` is what the formula makes of the factors."""

    direction: Literal["forward", "backward"]
    pointer: str | None  # to the layer; None for the loss
    formula: str
    factors: list[Matrix]
    result: Matrix


@dataclass
class ByHand:
    """The lines in their order, and how far the parameters' gradients are from autograd's at most."""

    products: list[Product] = field(default_factory=list)
    largest_difference: float = 0.0


@torch.no_grad()
def by_hand(places: Placement, parts: list[nn.Module], inputs: Tensor, targets: Tensor, loss: Loss) -> ByHand:
    """Of inputs (N, …) and targets (N,), in float64; the parts are the layers' modules, with autograd's gradients.

    Raises InvalidChoice at a layer that is neither linear nor an activation of one number at a time, and where there
    are too many of them.
    """
    _refuse(places, len(inputs))
    x = inputs.double().flatten(1)
    written, back = ByHand(), _Back()
    a, name = x, "X"
    count = 0
    for (pointer, place), part in zip(places, parts, strict=True):
        if isinstance(part, nn.Linear):
            count += 1
            a, name = _linear(written, back, pointer, part, count, a, name)
        elif place.layer.type != "flatten":
            a, name = _activation(written, back, pointer, place, part, count, a, name)
    y = targets.double().reshape(len(targets), -1)
    g = loss.gradient(a, targets if targets.dtype == torch.int64 else targets.double())
    gradient = f"∂L/∂{name}"
    formula = f"{gradient}: {loss.gradient_formula}" + (", over N" if loss.reduction == "mean" else "")
    written.products.append(Product("backward", None, formula, [matrix(name, a), matrix("y", y)], matrix(gradient, g)))
    for step in reversed(back.steps):
        g = step(g)
    return written


@dataclass
class _Back:
    """What is to be done on the way back, in the order of the way forward."""

    steps: list[Callable[[Tensor], Tensor]] = field(default_factory=list)


def _linear(
    written: ByHand, back: _Back, pointer: str, part: nn.Linear, count: int, a: Tensor, name: str
) -> tuple[Tensor, str]:
    """Z = AW + b, and on the way back the gradients by W, b and A."""
    n = subscript(count)
    w, z_name = part.weight.double().t(), f"Z{n}"
    b = None if part.bias is None else part.bias.double()[None]
    z = a @ w if b is None else a @ w + b
    shifted = "" if b is None else f" + b{n}"
    factors = [matrix(name, a), matrix(f"W{n}", w)] + ([] if b is None else [matrix(f"b{n}", b)])
    written.products.append(Product("forward", pointer, f"{z_name} = {name}·W{n}{shifted}", factors, matrix(z_name, z)))

    def backward(g: Tensor) -> Tensor:
        at, below = f"∂L/∂{z_name}", f"∂L/∂{name}"
        lines = [(f"∂L/∂W{n}", f"{name}ᵀ·{at}", [matrix(f"{name}ᵀ", a.t()), matrix(at, g)], a.t() @ g, part.weight)]
        if b is not None:
            ones = torch.ones(1, len(g), dtype=g.dtype)
            lines.append((f"∂L/∂b{n}", f"1ᵀ·{at}", [matrix("1ᵀ", ones), matrix(at, g)], ones @ g, part.bias))
        for of, product, factors, result, parameter in lines:
            written.products.append(Product("backward", pointer, f"{of} = {product}", factors, matrix(of, result)))
            if parameter.grad is not None:
                theirs = parameter.grad.double()
                apart = (result.t() if theirs.dim() == 2 else result[0]) - theirs
                written.largest_difference = max(written.largest_difference, float(apart.abs().max()))
        result = g @ w.t()
        factors = [matrix(at, g), matrix(f"W{n}ᵀ", w.t())]
        written.products.append(Product("backward", pointer, f"{below} = {at}·W{n}ᵀ", factors, matrix(below, result)))
        return result

    back.steps.append(backward)
    return z, z_name


def _activation(
    written: ByHand, back: _Back, pointer: str, place: Placed, part: nn.Module, count: int, z: Tensor, name: str
) -> tuple[Tensor, str]:
    """A = f(Z), and on the way back ⊙ f′(Z)."""
    kind = place.layer.type
    a_name = f"A{subscript(count)}" + "′" * name.startswith("A")
    a: Tensor = part(z)
    written.products.append(
        Product("forward", pointer, f"{a_name} = {kind}({name}): {place.layer.formula}", [matrix(name, z)],
                matrix(a_name, a))
    )  # fmt: skip

    def backward(g: Tensor) -> Tensor:
        slope = derivative_of(place.layer, z)
        result = g * slope
        above, below, derivative = f"∂L/∂{a_name}", f"∂L/∂{name}", f"{kind}′({name})"
        written.products.append(
            Product(
                "backward",
                pointer,
                f"{below} = {above} ⊙ {derivative}: {place.layer.derivative}",
                [matrix(above, g), matrix(derivative, slope)],
                matrix(below, result),
            )
        )
        return result

    back.steps.append(backward)
    return a, a_name


def derivative_of(layer: Layer, z: Tensor) -> Tensor:
    """f′(z) of an activation, number by number. At 0, where ReLU has none, it is 0."""
    if isinstance(layer, LeakyReLU):
        return torch.where(z > 0, z.new_ones(()), z.new_tensor(layer.slope))
    return DERIVATIVES[layer.type](z)


def matrix(name: str, values: Tensor) -> Matrix:
    """Of a tensor (rows, columns)."""
    return Matrix(name, tuple(values.shape), values.tolist() if values.numel() <= FEW else None)


def subscript(count: int) -> str:
    """12 as ₁₂."""
    return str(count).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _refuse(places: Placement, examples: int) -> None:
    for pointer, place in places:
        if place.layer.type not in ("flatten", "linear", "leaky_relu", *DERIVATIVES):
            raise InvalidChoice("not_by_hand", pointer, layer=place.layer.type, activations=list(DERIVATIVES))
    linear = [pointer for pointer, place in places if place.layer.type == "linear"]
    if len(linear) > MOST_LAYERS:
        raise InvalidChoice("by_hand_too_many_layers", linear[MOST_LAYERS], limit=MOST_LAYERS)
    products = sum(place.layer.multiply_adds(place.shape) for _, place in places)
    if products * examples > MOST_PRODUCTS:
        fits = MOST_PRODUCTS // products
        sizes = {"products": products * examples, "most_products": MOST_PRODUCTS}
        if not fits:
            raise InvalidChoice("by_hand_too_large", "/model/layers", **sizes)
        fix = Fix("/batch_size", fits)
        raise InvalidChoice("by_hand_batch_too_large", "/batch_size", fix, limit=fits, **sizes)
