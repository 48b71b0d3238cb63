"""Formulas, derivatives and ranges in the texts of layers equal what their modules compute, checked in numpy."""

from collections.abc import Callable, Iterator
from itertools import product
from math import erf, exp, pi, sqrt
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from app.learning.layers import LAYERS, Layer
from app.learning.layers.activations import ELU
from app.learning.layers.activations import ENTRIES as ACTIVATIONS
from app.learning.layers.convolution import Conv2d
from app.learning.layers.normalisation import BatchNorm, LayerNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.serialization import layers_from_json

Array = np.ndarray[Any, Any]
INSIDE = [{"type": "linear", "units": 5, "bias": False}, {"type": "tanh"}]


def weights(module: nn.Module) -> dict[str, Array]:
    """The module's state by name."""
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def slid(x: Array, size: int, stride: int, of: Callable[[Array], Any]) -> Array:
    """The function `of` of each window x[…, i·s + u, j·s + v], u and v below `size`, as (…, i, j)."""
    places = [range((side - size) // stride + 1) for side in x.shape[-2:]]
    found = [
        [of(x[..., i * stride : i * stride + size, j * stride : j * stride + size]) for j in places[1]]
        for i in places[0]
    ]
    return np.moveaxis(np.array(found), (0, 1), (-2, -1))


def convolved(x: Array, layer: Conv2d, module: nn.Module) -> Array:
    w, b, p = weights(module)["weight"], weights(module)["bias"], layer.zeros
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    return slid(padded, layer.kernel_size, layer.stride, lambda window: np.einsum("ckuv,nkuv->nc", w, window) + b)


def batch_normed(x: Array, layer: BatchNorm, module: nn.Module) -> Array:
    over = (0, *range(2, x.ndim))
    γ, β = (weights(module)[name].reshape(-1, *[1] * (x.ndim - 2)) for name in ("weight", "bias"))
    return γ * (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + layer.eps) + β


def layer_normed(x: Array, layer: LayerNorm, module: nn.Module) -> Array:
    over = tuple(range(1, x.ndim))
    γ, β = (weights(module)[name] for name in ("weight", "bias"))
    return γ * (x - x.mean(over, keepdims=True)) / np.sqrt(x.var(over, keepdims=True) + layer.eps) + β


def inside(x: Array, weight: Array) -> Array:
    """The layers in the block and in the residual."""
    return np.tanh(x @ weight.T)


def nested(x: Array, _: Layer, module: nn.Module) -> Array:
    for weight in weights(module).values():
        x = inside(x, weight)
    return x


def softmax(x: Array) -> Array:
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


def chance(x: Array) -> Array:
    """Φ(x)"""
    return (1 + np.vectorize(erf)(x / sqrt(2))) / 2


def σ(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


# Each formula of an entry with its numpy form, a function of the inputs, the entry and its trained module.
FORMULAS: dict[str, Callable[[Array, Any, nn.Module], Array]] = {
    "Y = XW + b": lambda x, _, module: x @ weights(module)["weight"].T + weights(module)["bias"],
    "y[c, i, j] = b[c] + Σ w[c, k, u, v]·x[k, i·s + u − p, j·s + v − p],  x = 0 outside": convolved,
    "y[c, i, j] = max x[c, i·s + u, j·s + v]": lambda x, layer, _: slid(
        x, layer.kernel_size, layer.stride or layer.kernel_size, lambda window: window.max((-2, -1))
    ),
    "y[c, i, j] = mean x[c, i·s + u, j·s + v]": lambda x, layer, _: slid(
        x, layer.kernel_size, layer.stride or layer.kernel_size, lambda window: window.mean((-2, -1))
    ),
    "max(0, x)": lambda x, _, __: np.maximum(0, x),
    "max(0, x) + slope·min(0, x)": lambda x, layer, _: np.maximum(0, x) + layer.slope * np.minimum(0, x),
    "x for x > 0, else α·(eˣ − 1)": lambda x, layer, _: np.where(x > 0, x, layer.alpha * (np.exp(x) - 1)),
    "σ(x) = 1 / (1 + e⁻ˣ)": lambda x, _, __: 1 / (1 + np.exp(-x)),
    "tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)": lambda x, _, __: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "x·Φ(x)": lambda x, _, __: x * chance(x),
    "pᵢ = eˣⁱ / Σⱼ eˣʲ": lambda x, _, __: softmax(x),
    "x²": lambda x, _, __: x**2,
    "sin x": lambda x, _, __: np.sin(x),
    "ln x": lambda x, _, __: np.log(x),
    # It is random in training mode: a separate test is below.
    "y = x·m / (1 − p),  m = 0 with probability p, else 1;  in evaluation y = x": lambda x, _, __: x,
    "y = γ·(x − μ) / √(σ² + ε) + β;  μ, σ² of the batch, in evaluation their running means": batch_normed,
    "y = γ·(x − μ) / √(σ² + ε) + β;  μ, σ² of the example, γ, β for each number": layer_normed,
    "(channels, height, width) → (channels·height·width)": lambda x, _, __: x.reshape(len(x), -1),
    "y = f(f(…f(x)))": nested,
    "y = f(x) + x": lambda x, layer, module: nested(x, layer, module) + x,
}
# The ranges of elementwise activations as intervals.
DERIVATIVES: dict[str, Callable[[Array, Any], Array]] = {
    "1 for x > 0, else 0": lambda x, _: np.where(x > 0, 1.0, 0.0),
    "1 for x > 0, else slope": lambda x, layer: np.where(x > 0, 1.0, layer.slope),
    "1 for x > 0, else α·eˣ": lambda x, layer: np.where(x > 0, 1.0, layer.alpha * np.exp(x)),
    "σ(x)·(1 − σ(x)), at most 1/4": lambda x, _: σ(x) * (1 - σ(x)),
    "1 − tanh²(x), at most 1": lambda x, _: 1 - np.tanh(x) ** 2,
    "Φ(x) + x·φ(x)": lambda x, _: chance(x) + x * np.exp(-(x**2) / 2) / sqrt(2 * pi),
    "2x": lambda x, _: 2 * x,
    "cos x": lambda x, _: np.cos(x),
    "1 / x": lambda x, _: 1 / x,
}
RANGES: dict[str, tuple[float, float]] = {
    "[0, ∞)": (0, np.inf),
    "(−∞, ∞)": (-np.inf, np.inf),
    "(−α, ∞)": (-1, np.inf),  # by default
    "(0, 1)": (0, 1),
    "(−1, 1)": (-1, 1),
    "[−1, 1]": (-1, 1),
    "[−0.17, ∞)": (-0.17, np.inf),
    "(0, 1), summing to 1": (0, 1),
    "(−∞, ∞), for x > 0 alone": (-np.inf, np.inf),
}
ROW, PICTURE = (5,), (2, 6, 7)
CASES: dict[str, list[tuple[dict[str, Any], tuple[int, ...]]]] = {
    "linear": [({"units": 3}, ROW)],
    "conv2d": [({"channels": 3, "kernel_size": size}, PICTURE) for size in (1, 2, 3, 4)],
    "max_pool2d": [({}, PICTURE), ({"kernel_size": 3, "stride": 1}, PICTURE)],
    "avg_pool2d": [({}, PICTURE), ({"kernel_size": 3, "stride": 1}, PICTURE)],
    "leaky_relu": [({"slope": 0.2}, ROW)],
    "batch_norm": [({"eps": 0.1}, ROW), ({}, PICTURE)],
    "layer_norm": [({"eps": 0.1}, ROW), ({}, PICTURE)],
    "block": [({"layers": INSIDE, "repeat": 3}, ROW)],
    "residual": [({"layers": INSIDE}, ROW)],
}


def every_layer() -> Iterator[Any]:
    for kind in LAYERS:
        for fields, shape in CASES.get(kind, [({}, ROW), ({}, PICTURE)]):
            yield pytest.param(layers_from_json([{"type": kind} | fields])[0], shape, id=f"{kind} {fields} {shape}")


def drawn(layer: Layer, shape: tuple[int, ...]) -> tuple[nn.Module, torch.Tensor]:
    """A module in training mode with parameters of any size, and valid inputs; a dropout is in evaluation mode."""
    torch.manual_seed(0)
    module = layer.module(shape).double().train(layer.type != "dropout")
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    x = 3 * torch.randn((4, *shape), dtype=torch.float64)
    return module, (x.abs() if layer.type == "log" else x).requires_grad_()


@pytest.mark.parametrize(("layer", "shape"), list(every_layer()))
def test_it_says_what_it_is(layer: Layer, shape: tuple[int, ...]) -> None:
    module, x = drawn(layer, shape)
    found = module(x).detach().numpy()
    np.testing.assert_allclose(found, FORMULAS[layer.formula](x.detach().numpy(), layer, module), rtol=1e-9, atol=1e-12)
    if layer.range is not None:
        low, high = RANGES[layer.range]
        assert low <= found.min() and found.max() <= high


@pytest.mark.parametrize("entry", [entry for entry in ACTIVATIONS if entry.type != "softmax"], ids=lambda e: e.type)
def test_its_derivative_is_the_one_that_it_says(entry: type[Layer]) -> None:
    layer = entry()
    module, x = drawn(layer, (1000,))
    (found,) = torch.autograd.grad(module(x).sum(), x)
    assert entry.derivative is not None
    expected = DERIVATIVES[entry.derivative](x.detach().numpy(), layer)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    if ", at most " in entry.derivative:
        most = {"1/4": 0.25, "1": 1.0}[entry.derivative.split(", at most ")[1]]
        assert 0.99 * most < found.max() <= most


@settings(max_examples=40)
@given(size=st.integers(1, 5), stride=st.integers(1, 3), padding=st.none() | st.integers(0, 3))
def test_a_convolution_and_its_gradient_read_the_pixels_that_it_says(
    size: int, stride: int, padding: int | None
) -> None:
    """The sums written out index by index."""
    layer = Conv2d(2, size, stride, padding)
    module, x = drawn(layer, PICTURE)
    y = module(x)
    g = torch.randn_like(y)
    (by_w,) = torch.autograd.grad(y, module.weight, g)
    w, b, s, p = module.weight.detach(), module.bias.detach(), stride, layer.zeros
    expected, gradient = torch.zeros_like(y) + b.view(1, -1, 1, 1), torch.zeros_like(w)
    assert layer.derivative == "∂L/∂w[c, k, u, v] = Σ ∂L/∂y[c, i, j]·x[k, i·s + u − p, j·s + v − p]"
    for (i, j), (u, v) in product(np.ndindex(y.shape[2:]), np.ndindex(size, size)):
        above, left = i * s + u - p, j * s + v - p
        if 0 <= above < PICTURE[1] and 0 <= left < PICTURE[2]:
            pixel = x.detach()[:, :, above, left]
            expected[:, :, i, j] += pixel @ w[:, :, u, v].T
            gradient[:, :, u, v] += g[:, :, i, j].T @ pixel
    torch.testing.assert_close(y.detach(), expected)
    torch.testing.assert_close(by_w, gradient)


@pytest.mark.parametrize("size", range(1, 8))
def test_left_to_itself_a_convolution_keeps_the_size_for_odd_windows_and_takes_a_pixel_for_even_ones(size: int) -> None:
    assert Conv2d(1, size).output_shape((1, 28, 28)) == (1, *[28 if size % 2 else 27] * 2)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)], ids=["1-d", "2-d"])
def test_the_gradient_of_batch_norm_in_training_is_the_one_that_it_says_and_finite_differences_say(
    shape: tuple[int, ...],
) -> None:
    assert BatchNorm.derivative == (
        "∂L/∂x = γ / √(σ² + ε)·(∂L/∂y − mean ∂L/∂y − x̂·mean(x̂·∂L/∂y)),  x̂ = (x − μ) / √(σ² + ε), means over the batch; "
        "in evaluation γ / √(σ² + ε)·∂L/∂y"
    )
    module, x = drawn(BatchNorm(eps=0.1), shape)
    assert torch.autograd.gradcheck(module, (x,))  # `training` takes the batch's own μ and σ², which depend on x too
    over = [0, *range(2, x.ndim)]
    y = module(x)
    g = torch.randn_like(y)
    ours = (module.weight, module.bias)
    by_x, by_γ, by_β = torch.autograd.grad(y, (x, *ours), g)
    spread = (x.var(over, unbiased=False, keepdim=True) + 0.1).sqrt()
    hat = (x - x.mean(over, keepdim=True)) / spread
    slope = module.weight.view(1, -1, *[1] * (len(shape) - 1)) / spread
    means = g.mean(over, keepdim=True), hat * (hat * g).mean(over, keepdim=True)
    torch.testing.assert_close(by_x, slope * (g - means[0] - means[1]))
    torch.testing.assert_close((by_γ, by_β), ((hat * g).sum(over), g.sum(over)))
    for index, parameter in enumerate(ours):

        def of(value: torch.Tensor, index: int = index) -> torch.Tensor:
            γ, β = (value if place == index else other.detach() for place, other in enumerate(ours))
            return torch.func.functional_call(module, {"weight": γ, "bias": β}, (x.detach(),))

        assert torch.autograd.gradcheck(of, (parameter.detach().clone().requires_grad_(),))


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_elu_is_pytorchs_with_the_derivative_that_finite_differences_have(alpha: float) -> None:
    layer = ELU(alpha)
    z = torch.linspace(-6, 6, 200, dtype=torch.float64)  # without 0, where the slopes differ
    assert torch.equal(layer.module(ROW)(z), nn.ELU(alpha)(z))
    step = 1e-6
    difference = (nn.ELU(alpha)(z + step) - nn.ELU(alpha)(z - step)) / (2 * step)
    torch.testing.assert_close(layer.derivative_at(z), difference, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4)], ids=["1-d", "3-d"])
def test_layer_norm_is_pytorchs_with_the_gradient_that_it_states_and_finite_differences_have(
    shape: tuple[int, ...],
) -> None:
    assert LayerNorm.derivative == (
        "∂L/∂x = (g − mean g − x̂·mean(x̂·g)) / √(σ² + ε),  g = γ·∂L/∂y,  x̂ = (x − μ) / √(σ² + ε), means over the example"
    )
    module, x = drawn(LayerNorm(eps=0.1), shape)
    theirs = nn.LayerNorm(shape, eps=0.1).double()
    theirs.load_state_dict(module.state_dict())
    y = module(x)
    assert torch.equal(y, theirs(x)) and torch.equal(y, module.eval()(x))
    assert torch.autograd.gradcheck(module, (x,))
    over = list(range(1, x.ndim))
    by_y = torch.randn_like(y)
    by_x, by_γ, by_β = torch.autograd.grad(y, (x, module.weight, module.bias), by_y)
    spread = (x.var(over, unbiased=False, keepdim=True) + 0.1).sqrt()
    hat = (x - x.mean(over, keepdim=True)) / spread
    g = module.weight * by_y
    means = g.mean(over, keepdim=True), hat * (hat * g).mean(over, keepdim=True)
    torch.testing.assert_close(by_x, (g - means[0] - means[1]) / spread)
    torch.testing.assert_close((by_γ, by_β), ((hat * by_y).sum(0), by_y.sum(0)))


def test_in_evaluation_batch_norm_is_a_scale_and_a_shift_by_the_running_means() -> None:
    module, x = drawn(BatchNorm(momentum=1.0), ROW)
    module(x)  # with this momentum the running values are those of the last batch
    mean, spread = x.mean(0), (x.var(0) + 1e-5).sqrt()  # PyTorch stores the variance with n − 1
    y = module.eval()(x)
    torch.testing.assert_close(y, module.weight * (x - mean) / spread + module.bias)
    g = torch.randn_like(y)
    torch.testing.assert_close(torch.autograd.grad(y, x, g)[0], module.weight / spread * g)


@settings(max_examples=20)
@given(p=st.floats(0, 0.95), seed=st.integers(0, 10**6))
def test_dropout_leaves_out_the_share_that_it_says_and_scales_the_rest(p: float, seed: int) -> None:
    torch.manual_seed(seed)
    x = torch.rand(4000, dtype=torch.float64).add(1).requires_grad_()
    module = Dropout(p).module((1,)).double().train()
    y = module(x)
    m = (y != 0).double()
    torch.testing.assert_close(y, x * m / (1 - p))
    assert float(1 - m.mean()) == pytest.approx(p, abs=5 * sqrt(p * (1 - p) / 4000) + exp(-30))
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], m / (1 - p))
