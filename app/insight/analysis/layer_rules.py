"""Warnings that follow from the layers alone, output layer included. A rule that is not sure gives no warning."""

from collections.abc import Iterator
from itertools import pairwise
from math import sqrt

from app.insight.analysis.stacks import Chain, stacks
from app.insight.analysis.warning import Warning
from app.learning.architecture import MAX_PARAMETERS
from app.learning.layers import Layer, Normal

LARGEST = 3.4e38  # of float32
POWER = 8  # to which layers raise a number that overflows soon
PLAIN = 20  # layers that learn; He et al. 2016 see deeper plain networks do worse on their own training data
GAIN = 10.0  # by which numbers grow or shrink in each layer


def linear_stack(chain: Chain) -> Iterator[Warning]:
    """Linear layers in a row: (XW₁ + b₁)W₂ + b₂ is XW + b again, so depth adds nothing (lecture, nonlinearity)."""
    for stack in stacks(chain):
        layers = [place.layer for _, place in stack.chain]
        between = sorted({layer.type for layer in layers if layer.role not in ("linear map", "reshaping")})
        nothing = f"only {' and '.join(between)}" if between else "nothing"
        kinds = {"linear" if layer.takes_rows else "convolution" for layer in layers if layer.role == "linear map"}
        kind = " and ".join(sorted(kinds))
        of, to = (" × ".join(f"{side:,}" for side in shape) for shape in (stack.shape, stack.output_shape))
        yield Warning(
            "linear_stack_collapses",
            stack.pointers[1],
            f"{len(stack.pointers)} {kind} layers with {nothing} between them are one linear layer, {of} → {to}: "
            f"{stack.parameters:,} parameters learn what one matrix and one bias can",
            'put {"type": "relu"} between them, or leave all but one out',
        )


def no_nonlinearity(chain: Chain) -> Iterator[Warning]:
    """Several layers without a nonlinearity between them. The output layer needs none after it."""
    learning = [index for index, (_, place) in enumerate(chain) if place.layer.role == "linear map"]
    if len(learning) > 1 and all(place.layer.affine for _, place in chain[: learning[-1]]):
        yield Warning(
            "no_nonlinearity",
            "/model/layers",
            f"none of the {len(learning)} layers that learn has a nonlinearity after it: the network can draw only "
            "straight boundaries, like one linear layer",
            'put {"type": "relu"} after each linear or convolution layer except the last',
        )


def too_deep(chain: Chain) -> Iterator[Warning]:
    """Activations whose gradients vanish after some layers (lecture, activations). The limit is a trait of each."""
    default = all(place.layer.initialisation == "default" for _, place in _hidden(chain))
    for layer, pointers in _in_depth(chain):
        limit = layer.depth_limit
        if limit is not None and len(pointers) >= limit.count and (default or not limit.default_init):
            yield Warning(limit.code, pointers[limit.count - 1], limit.detail(len(pointers)), limit.fix)


def _in_depth(chain: Chain) -> Iterator[tuple[Layer, list[str]]]:
    """Runs of activations of one type, without another one or a layer that restores their scale between them."""
    layer: Layer | None = None
    pointers: list[str] = []
    for pointer, place in _hidden(chain):
        if place.layer.role != "activation" and not place.layer.restores_scale:
            continue
        if layer is not None and type(place.layer) is type(layer):
            pointers.append(pointer)
            continue
        if layer is not None:
            yield layer, pointers
        layer, pointers = (None, []) if place.layer.restores_scale else (place.layer, [pointer])
    if layer is not None:
        yield layer, pointers


def _hidden(chain: Chain) -> Chain:
    """The layers before the last linear map."""
    last = max((index for index, (_, place) in enumerate(chain) if place.layer.role == "linear map"), default=0)
    return chain[:last]


def overflow(chain: Chain) -> Iterator[Warning]:
    """Repeated squaring, which raises numbers to a power that exceeds float32."""
    count, power = 0, 1
    for pointer, place in chain:
        layer, before = place.layer, power
        if layer.role == "normalisation":
            count, power = 0, 1
        elif layer.degree > 1:
            count, power = count + 1, power * layer.degree
        if before < POWER <= power:
            yield Warning(
                "activation_overflows",
                pointer,
                f"{count} {layer.type}s raise a number to the power {power}: float32 ends at {LARGEST:g}, which "
                f"{LARGEST ** (1 / power):,.0f} already reaches, and sums over many inputs reach it sooner",
                'use {"type": "relu"}, or put {"type": "batch_norm"} before each square',
            )


def chosen_with_care(chain: Chain) -> Iterator[Warning]:
    """Nonlinearities from the lecture's examples that rarely learn well."""
    for pointer, place in chain:
        if place.layer.caution:
            yield Warning(
                f"{place.layer.type}_with_care",
                pointer,
                place.layer.caution,
                'use {"type": "relu"} or {"type": "tanh"}',
            )


def in_a_row(chain: Chain) -> Iterator[Warning]:
    """Two activations without a layer that learns between them. Other rules judge those after the last linear map."""
    row = [place for place in _hidden(chain) if place[1].layer.role not in ("reshaping", "regularisation")]
    for (_, before), (pointer, place) in pairwise(row):
        if before.layer.role == place.layer.role == "activation":
            yield Warning(
                "activations_in_a_row",
                pointer,
                f"{place.layer.type} directly follows {before.layer.type}: nothing is learnt between them",
                "leave one of them out, or put a layer that learns between them",
            )


def softmax_within(chain: Chain) -> Iterator[Warning]:
    """A softmax between layers: all units share one sum of 1."""
    for pointer, place in _hidden(chain):
        if place.layer.probabilities == "exclusive":
            yield Warning(
                "softmax_within",
                pointer,
                f"a {place.layer.type} before another layer that learns: its outputs sum to 1, so most of them are "
                "near 0, and so are the gradients",
                'use {"type": "relu"} here; predictions contain probabilities without a softmax',
            )


def symmetric(chain: Chain) -> Iterator[Warning]:
    """Units with equal initial weights stay equal. In the last linear map zeros do no harm, since its inputs differ."""
    for pointer, place in _hidden(chain):
        if place.layer.initialisation == "zeros":
            yield Warning(
                "symmetric_initialisation",
                f"{pointer}/init",
                "all units of this layer start equal, get equal gradients and stay equal: as one unit, or dead",
                'use "init": "he" (for ReLU) or "xavier" (for tanh and sigmoid)',
            )


def weights_of_no_size(chain: Chain) -> Iterator[Warning]:
    """Initial weights so large or small that numbers explode or vanish: each layer multiplies by std·√inputs."""
    for pointer, place in chain:
        init, inputs = place.layer.initialisation, place.layer.fan_in(place.shape)
        if not isinstance(init, Normal):
            continue
        gain = init.std * sqrt(inputs)
        small = gain < 1 / GAIN**2 and place is not chain[-1][1]
        if gain > GAIN or small:
            yield Warning(
                "initial_weights_unusual",
                f"{pointer}/init/std",
                f"weights with a standard deviation of {init.std:g} over {inputs:,} inputs make numbers {gain:.2g} "
                "times as large: "
                f"{'too small to learn from' if small else 'the loss starts high, and activations saturate'}",
                f'about {sqrt(2 / inputs):.2g} keeps their size after a ReLU; init "he" uses that',
            )


def dropout(chain: Chain) -> Iterator[Warning]:
    """Too much dropout, or dropout right before batch norm (Li et al. 2019, https://arxiv.org/abs/1801.05134)."""
    row = [place for place in chain if place[1].layer.role != "reshaping"]
    for pointer, place in row:
        if place.layer.drop_probability > 0.8:
            yield Warning(
                "dropout_unusual",
                f"{pointer}/p",
                f"{place.layer.drop_probability:g} of the numbers are dropped: the rest carries hardly any information",
                "0.1 to 0.5 is usual",
            )
    for (pointer, before), (_, place) in pairwise(row):
        if before.layer.drop_probability > 0 and place.layer.uses_batch_statistics:
            yield Warning(
                "dropout_before_batch_norm",
                pointer,
                f"{before.layer.type} changes the standard deviation of the inputs of {place.layer.type} in training, "
                "but not in evaluation",
                f"put the {before.layer.type} after the {place.layer.type} and its activation",
            )


def skipped_pixels(chain: Chain) -> Iterator[Warning]:
    """A window that moves further than it is wide. For one pixel this is usual, in shortcuts."""
    for pointer, place in chain:
        window = place.layer.window
        if window is not None and window.stride > window.size > 1:
            yield Warning(
                "window_skips_pixels",
                f"{pointer}/stride",
                f"the window of {window.size} moves by {window.stride}: the pixels between are never seen",
                f"use a stride of at most {window.size}",
            )


def plain_depth(chain: Chain) -> Iterator[Warning]:
    """A deep network without a layer that restores the scale of numbers and gradients."""
    learning = [pointer for pointer, place in chain if place.layer.role == "linear map"]
    if len(learning) > PLAIN and not any(place.layer.restores_scale for _, place in chain):
        yield Warning(
            "deep_without_shortcuts",
            learning[PLAIN],
            f"{len(learning)} layers that learn, with neither batch_norm nor residual: such networks learn worse than "
            "shallower ones, even on their training data",
            'put {"type": "batch_norm"} before the activations, or layers into {"type": "residual"}',
        )


def pooled_twice(chain: Chain) -> Iterator[Warning]:
    """Two max pools in a row: one with a larger window."""
    for (_, before), (pointer, place) in pairwise(chain):
        if place.layer.composes and before.layer.type == place.layer.type:
            yield Warning(
                "pooled_twice",
                pointer,
                f"two {place.layer.type} with nothing between them equal one with a larger window",
                "put a conv2d and a relu between them, or leave one out",
            )


def beyond_a_run(chain: Chain) -> Iterator[Warning]:
    """A network that can be inspected, but is too large for a run."""
    total = 0
    for pointer, place in chain:
        total += place.layer.parameters(place.shape)
        if total > MAX_PARAMETERS:
            yield Warning(
                "units_exceed_limit",
                pointer,
                f"with this layer the network has {total:,} parameters; a run has at most {MAX_PARAMETERS:,}",
                "use fewer units or channels to train it here",
            )
            return


OF_CHAINS = (
    linear_stack, too_deep, overflow, chosen_with_care, in_a_row, softmax_within, symmetric, weights_of_no_size,
    dropout, skipped_pixels, pooled_twice,
)  # fmt: skip
OF_NETWORKS = (no_nonlinearity, plain_depth, beyond_a_run)
