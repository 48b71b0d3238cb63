"""The traits of each registry entry match its module; other code relies on traits instead of names."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from app.learning.architecture import walk
from app.learning.layers import LAYERS, Layer
from app.learning.layers.entry import Body, Role
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import infer_rounds

ROW, PICTURE = (5,), (2, 6, 6)
INSIDE: list[dict[str, Any]] = [{"type": "linear", "units": 5}, {"type": "tanh"}]
# Fields that a request must give, and shapes that fit; other layers get a row and a picture.
CASES: dict[str, list[tuple[dict[str, Any], tuple[int, ...]]]] = {
    "linear": [({"units": 3}, ROW)],
    "conv2d": [({"channels": 3, "stride": 2}, PICTURE)],
    "max_pool2d": [({}, PICTURE)],
    "avg_pool2d": [({}, PICTURE)],
    "leaky_relu": [({}, ROW), ({"slope": 1.0}, ROW)],
    "block": [
        ({"layers": INSIDE, "repeat": 3}, ROW),
        ({"layers": INSIDE[:1]}, ROW),
        ({"layers": [{"type": "dropout"}, {"type": "batch_norm"}]}, PICTURE),
    ],
    "residual": [
        ({"layers": INSIDE}, ROW),
        ({"layers": INSIDE[:1]}, ROW),
        ({"layers": [{"type": "dropout"}, {"type": "batch_norm"}]}, PICTURE),
    ],
}


def cases(which: Callable[[type[Layer]], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Parameters `layer` and `shape` for every entry of a kind."""
    listed = []
    for kind, entry in LAYERS.items():
        for fields, shape in CASES.get(kind, [({}, ROW), ({}, PICTURE)]) if which(entry) else []:
            layer = layers_from_json([{"type": kind} | fields])[0]
            listed.append(pytest.param(layer, shape, id=f"{kind} {fields} {shape}"))
    return pytest.mark.parametrize(("layer", "shape"), listed)


every = cases()


def numbers(layer: Layer, shape: tuple[int, ...], seed: int = 0) -> Tensor:
    """Four inputs, positive if the layer is undefined for others."""
    x = 2 * torch.randn((4, *shape), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x.abs() + 0.1 if layer.positive_only else x


def module_of(layer: Layer, shape: tuple[int, ...]) -> nn.Module:
    torch.manual_seed(0)
    module = layer.module(shape).double()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    return module


def layers_within(layer: Layer) -> list[Layer]:
    """The layer itself, or all layers in it."""
    return [inner for _, inner in walk([layer]) if inner.nesting is None]


def located(layer: Layer, module: nn.Module, shape: tuple[int, ...]) -> Iterator[tuple[Layer, nn.Module]]:
    inner = layer.inner_modules(module)
    for places in infer_rounds(layer, shape):
        for place in places:
            yield from located(place.layer, next(inner), place.shape)
    if not layer.rounds:
        yield layer, module


@pytest.mark.parametrize("entry", LAYERS.values(), ids=LAYERS)
def test_an_entry_has_a_role_and_a_body_that_there_are(entry: type[Layer]) -> None:
    assert entry.role in get_args(Role) and entry.body in (None, *get_args(Body))
    assert (entry.nesting is not None) == (entry.role == "structure")


@every
def test_a_layer_is_affine_in_evaluation_exactly_if_it_says_so(layer: Layer, shape: tuple[int, ...]) -> None:
    module = module_of(layer, shape).eval()
    x, y = numbers(layer, shape), numbers(layer, shape, seed=1)
    between = module((x + y) / 2)
    assert torch.allclose(between, (module(x) + module(y)) / 2, rtol=1e-9, atol=1e-9) == layer.affine


@cases(lambda entry: entry.nesting is None and not entry.draws)
def test_an_elementwise_layer_and_no_other_maps_each_number_by_itself(layer: Layer, shape: tuple[int, ...]) -> None:
    module, x = module_of(layer, shape).train(), numbers(layer, shape)
    order = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(2))
    shuffled = x.flatten()[order].reshape(x.shape)
    mapped = module(x)
    alike = mapped.numel() == x.numel() and torch.allclose(module(shuffled).flatten(), mapped.flatten()[order])
    assert alike == (layer.elementwise or layer.role == "reshaping")


@every
def test_the_derivative_of_an_elementwise_layer_is_autograds(layer: Layer, shape: tuple[int, ...]) -> None:
    z = numbers(layer, shape).requires_grad_()
    if not layer.elementwise:
        with pytest.raises(NotImplementedError, match="elementwise"):
            layer.derivative_at(z)
        return
    (slope,) = torch.autograd.grad(module_of(layer, shape)(z).sum(), z)
    torch.testing.assert_close(layer.derivative_at(z.detach()), slope)


@every
def test_a_layer_draws_random_numbers_in_training_exactly_if_it_says_so(layer: Layer, shape: tuple[int, ...]) -> None:
    module = module_of(layer, shape).train()
    before = torch.get_rng_state()
    module(numbers(layer, shape))
    assert torch.equal(torch.get_rng_state(), before) != any(inner.draws for inner in layers_within(layer))


@every
def test_an_example_depends_on_its_batch_exactly_if_the_layer_says_so(layer: Layer, shape: tuple[int, ...]) -> None:
    module, x = module_of(layer, shape).train(), numbers(layer, shape)
    with ExitStack() as stack:
        for inner, part in located(layer, module, shape):
            stack.enter_context(inner.undisturbed(part))
        apart = torch.allclose(module(x)[:2], module(x[:2]))
    assert apart != any(inner.uses_batch_statistics for inner in layers_within(layer))


@every
def test_an_undisturbed_pass_changes_neither_the_module_nor_the_generator(layer: Layer, shape: tuple[int, ...]) -> None:
    module = module_of(layer, shape).train()
    state, generator = {key: value.clone() for key, value in module.state_dict().items()}, torch.get_rng_state()
    modes = [part.training for part in module.modules()]
    with ExitStack() as stack:
        for inner, part in located(layer, module, shape):
            stack.enter_context(inner.undisturbed(part))
        module(numbers(layer, shape))
    assert all(torch.equal(value, state[key]) for key, value in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), generator)
    assert [part.training for part in module.modules()] == modes


@cases(lambda entry: entry.nesting is None and entry.probabilities is None)
def test_a_normalisation_and_no_other_layer_gives_numbers_of_any_size_the_same_size(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    module = layer.module(shape).double().train()
    x = torch.randn((64, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x.abs() if layer.positive_only else x
    torch.manual_seed(0)
    small, large = module(100 * x), module(10_000 * x)
    bounded = layer.unsaturated_range is not None or layer.range == "[−1, 1]"
    kept = float(large.detach().std() / small.detach().std()) < 1.5
    assert kept == (layer.role == "normalisation" or bounded or layer.positive_only)
    assert layer.restores_scale == (layer.role == "normalisation")


@every
def test_outputs_are_probabilities_exactly_if_the_layer_says_so(layer: Layer, shape: tuple[int, ...]) -> None:
    y = module_of(layer, shape).eval()(numbers(layer, shape))
    within = bool(((y > 0) & (y < 1)).all())
    sums = within and torch.allclose(y.sum(1), y.new_ones(()))
    assert layer.probabilities == ("exclusive" if sums else "independent" if within else None)


ELEMENTWISE = [layer for layer in layers_from_json([{"type": kind} for kind, e in LAYERS.items() if e.elementwise])]
each = pytest.mark.parametrize("layer", ELEMENTWISE, ids=lambda layer: layer.type)


@each
def test_a_layer_is_defined_for_negative_numbers_unless_it_says_otherwise(layer: Layer) -> None:
    assert bool(layer.module(ROW)(torch.tensor([-1.0])).isfinite()) != layer.positive_only


@each
def test_a_unit_can_die_exactly_where_all_negative_numbers_have_no_slope(layer: Layer) -> None:
    z = -torch.linspace(0.1, 10, 100)
    assert bool((layer.derivative_at(z) == 0).all()) == layer.can_die


@each
def test_numbers_grow_to_the_power_that_a_layer_says(layer: Layer) -> None:
    """A function that is bounded or grows more slowly than x also has degree 1."""
    z = torch.tensor([1e3, 1e6], dtype=torch.float64)
    small, large = layer.module(ROW)(z).abs().tolist()
    power = torch.log10(torch.tensor(large / small)).item() / 3
    assert max(1, round(power)) == layer.degree


@each
def test_outside_its_range_the_slope_of_a_saturating_layer_is_below_a_twelfth_of_the_steepest(layer: Layer) -> None:
    if layer.unsaturated_range is None:
        return
    low, high = layer.unsaturated_range
    z = torch.linspace(-10, 10, 20_001, dtype=torch.float64)
    y, slope = layer.module(ROW)(z), layer.derivative_at(z)
    outside = (y < low) | (y > high)
    assert slope[outside].max() < slope.max() / 12 < slope[~outside].min() * 1.1
    assert layer.fitting_init is not None and layer.shrinks_gradients


def test_two_pools_in_a_row_are_one_with_a_larger_window_where_they_say_so() -> None:
    x = torch.randn(2, 2, 12, 12)
    for entry in LAYERS.values():
        if entry.composes:
            (small, large) = (layers_from_json([{"type": entry.type, "kernel_size": size}])[0] for size in (2, 4))
            twice = nn.Sequential(small.module((2, 12, 12)), small.module((2, 6, 6)))
            assert torch.equal(twice(x), large.module((2, 12, 12))(x))


@every
def test_a_weighted_sum_has_a_width_and_a_fan_in_and_a_window_if_it_slides(
    layer: Layer, shape: tuple[int, ...]
) -> None:
    module = layer.module(shape)
    if layer.role != "linear map":
        assert (layer.width, layer.fan_in(shape), layer.takes_rows) == (0, 0, False)
        return
    weight = module.weight
    assert isinstance(weight, Tensor)
    assert (layer.width, layer.fan_in(shape)) == (len(weight), weight[0].numel())
    assert layer.takes_rows == isinstance(module, nn.Linear) == (layer.window is None)
