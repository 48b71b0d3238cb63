"""Backpropagation written out: each product with its shapes and, if they are few, its numbers.

For networks that are chains of linear layers and elementwise activations. As in the lecture, a row is an example:
Z = AW + b, and

    ∂L/∂W = Aᵀ·∂L/∂Z    ∂L/∂b = 1ᵀ·∂L/∂Z    ∂L/∂A = ∂L/∂Z·Wᵀ    ∂L/∂Z = ∂L/∂A ⊙ f′(Z)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast

import torch
from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.layers import LAYERS, LayerShape, Shape
from app.learning.losses import Loss
from app.messages import Fix

FEW = 256  # numbers of a matrix that are still written out
MOST_LAYERS = 50  # linear ones
MOST_PRODUCTS = 10**8

Placement = list[tuple[str, LayerShape]]


@dataclass(frozen=True)
class Matrix:
    """A matrix. `values` are its rows; None if it has more than `FEW` numbers."""

    name: str
    shape: Shape
    values: list[list[float]] | None


@dataclass(frozen=True)
class Product:
    """One line of the calculation: the factors, the formula, and its result."""

    direction: Literal["forward", "backward"]
    pointer: str | None  # to the layer; None for the loss
    formula: str
    factors: list[Matrix]
    result: Matrix


@dataclass
class WrittenOut:
    """The lines in their order, and the largest difference of a parameter's gradient from autograd's."""

    products: list[Product] = field(default_factory=list)
    largest_difference: float = 0.0


@torch.no_grad()
def write_out(places: Placement, parts: list[nn.Module], inputs: Tensor, targets: Tensor, loss: Loss) -> WrittenOut:
    """Backpropagation for inputs (N, …) and targets (N,), in float64. `parts` are the layers' modules, with autograd's
    gradients.

    Raises InvalidChoice at a layer that is neither linear nor an elementwise activation, and if there are too many.
    """
    _refuse(places, len(inputs))
    x = inputs.double().flatten(1)
    written, back = WrittenOut(), _Backward()
    a, name = x, "X"
    count = 0
    for (pointer, place), part in zip(places, parts, strict=True):
        if place.layer.takes_rows:
            count += 1
            a, name = _linear(written, back, pointer, cast(nn.Linear, part), count, a, name)
        elif place.layer.elementwise:
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
class _Backward:
    """Steps of the backward pass, in the order of the forward pass."""

    steps: list[Callable[[Tensor], Tensor]] = field(default_factory=list)


def _linear(
    written: WrittenOut, back: _Backward, pointer: str, part: nn.Linear, count: int, a: Tensor, name: str
) -> tuple[Tensor, str]:
    """Z = AW + b, and in the backward pass the gradients with respect to W, b and A."""
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
    written: WrittenOut,
    back: _Backward,
    pointer: str,
    place: LayerShape,
    part: nn.Module,
    count: int,
    z: Tensor,
    name: str,
) -> tuple[Tensor, str]:
    """A = f(Z), and in the backward pass ⊙ f′(Z)."""
    kind = place.layer.type
    a_name = f"A{subscript(count)}" + "′" * name.startswith("A")
    a: Tensor = part(z)
    written.products.append(
        Product("forward", pointer, f"{a_name} = {kind}({name}): {place.layer.formula}", [matrix(name, z)],
                matrix(a_name, a))
    )  # fmt: skip

    def backward(g: Tensor) -> Tensor:
        slope = place.layer.derivative_at(z)
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


def matrix(name: str, values: Tensor) -> Matrix:
    """Matrix of a tensor (rows, columns)."""
    return Matrix(name, tuple(values.shape), values.tolist() if values.numel() <= FEW else None)


def subscript(count: int) -> str:
    """Number in subscript digits: 12 as ₁₂."""
    return str(count).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def _refuse(places: Placement, examples: int) -> None:
    """Raise InvalidChoice at a layer that cannot be written out, or for a network or batch that is too large."""
    for pointer, place in places:
        layer = place.layer
        if not (layer.takes_rows or layer.elementwise or layer.role == "reshaping"):
            activations = [entry.type for entry in LAYERS.values() if entry.elementwise]
            raise InvalidChoice("not_by_hand", pointer, layer=layer.type, activations=activations)
    linear = [pointer for pointer, place in places if place.layer.takes_rows]
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
