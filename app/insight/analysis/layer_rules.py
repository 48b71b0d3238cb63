"""What the layers alone tell, the output layer included. Each rule is sure of itself or silent."""

from collections.abc import Iterator
from itertools import pairwise
from math import prod, sqrt

from app.insight.analysis.stacks import MAPS, Chain, affine, stacks
from app.insight.analysis.warning import Warning
from app.learning.architecture import MAX_PARAMETERS
from app.learning.layers import Linear, Normal
from app.learning.layers.activations import ENTRIES as ACTIVATIONS
from app.learning.layers.convolution import ENTRIES as OF_PICTURES
from app.learning.layers.convolution import Conv2d, MaxPool2d
from app.learning.layers.regularisation import Dropout

NONLINEAR = tuple(entry.type for entry in ACTIVATIONS)
FRESH = ("batch_norm", "residual")  # behind these, gradients and numbers have their size again
LARGEST = 3.4e38  # of float32
SQUARES = 3  # so many one after another raise to the 8th power
SIGMOIDS = 3  # the first layer's gradient is a hundredth of the last's, with PyTorch's weights
TANHS = 10  # a tenth
RELUS = 10  # a hundredth: digits learn badly with Adam then, and with SGD already at six not at all
PLAIN = 20  # layers that learn; He et al. 2016 see deeper plain networks do worse on their own training data
GAIN = 10.0  # by which numbers grow or shrink in each layer


def linear_stack(chain: Chain) -> Iterator[Warning]:
    """(XW₁ + b₁)W₂ + b₂ is XW + b again: without a nonlinearity between, depth adds nothing (lecture, nonlinearity)."""
    for stack in stacks(chain):
        between = sorted({place.layer.type for _, place in stack.chain} - {*MAPS, "flatten"})
        nothing = f"only {' and '.join(between)}" if between else "nothing"
        kinds = {place.layer.type for _, place in stack.chain} & set(MAPS)
        kind = "linear" if kinds == {"linear"} else "convolution and linear" if "linear" in kinds else "convolution"
        of, to = (" × ".join(f"{side:,}" for side in shape) for shape in (stack.shape, stack.output_shape))
        yield Warning(
            "linear_stack_collapses",
            stack.pointers[1],
            f"{len(stack.pointers)} {kind} layers with {nothing} between them are one linear layer, {of} → {to}: "
            f"{stack.parameters:,} parameters learn what one matrix and one bias say",
            'put {"type": "relu"} between them, or leave all but one out',
        )


def no_nonlinearity(chain: Chain) -> Iterator[Warning]:
    """Several layers, none of which bends anything. The output layer alone needs nothing behind it."""
    learning = [index for index, (_, place) in enumerate(chain) if place.layer.type in MAPS]
    if len(learning) > 1 and all(affine(place.layer) for _, place in chain[: learning[-1]]):
        yield Warning(
            "no_nonlinearity",
            "/model/layers",
            f"none of the {len(learning)} layers that learn has a nonlinearity behind it: the network draws straight "
            "boundaries only, as one linear layer does",
            'put {"type": "relu"} behind each linear or convolution layer but the last',
        )


def sigmoids_in_depth(chain: Chain) -> Iterator[Warning]:
    """σ′ ≤ 1/4: gradients shrink with each sigmoid on their way back (lecture, activations)."""
    for count, pointer in _too_many(chain, "sigmoid", SIGMOIDS):
        yield Warning(
            "saturating_depth",
            pointer,
            f"{count} sigmoids in depth: the derivative of each is at most 1/4, so that at most 1/{4**count:,} of a "
            "gradient comes through, and the first layers hardly learn",
            'take {"type": "relu"}',
        )


def tanhs_in_depth(chain: Chain) -> Iterator[Warning]:
    """tanh saturates too, later; weights of the right size keep it from that."""
    for count, pointer in _too_many(chain, "tanh", TANHS, by_default=True):
        yield Warning(
            "saturating_depth",
            pointer,
            f"{count} times tanh in depth over PyTorch's initial weights: each takes its part of the gradient, and the "
            "first layers hardly learn",
            'take "init": "xavier", or {"type": "relu"}',
        )


def relus_in_depth(chain: Chain) -> Iterator[Warning]:
    """PyTorch's initial weights have a variance of 1/(3·inputs), where ReLU needs 2/inputs to keep numbers their size
    (He et al. 2015, https://arxiv.org/abs/1502.01852): each layer leaves about 1/√6 of it, on the way back too."""
    for count, pointer in _too_many(chain, "relu", RELUS, by_default=True):
        yield Warning(
            "shrinking_depth",
            pointer,
            f"{count} ReLUs in depth over PyTorch's initial weights: each leaves about 0.4 of the size of what goes "
            "through it and of its gradient, and the first layers hardly learn",
            'take "init": "he", or put {"type": "batch_norm"} before each ReLU',
        )


def _too_many(chain: Chain, kind: str, many: int, by_default: bool = False) -> Iterator[tuple[int, str]]:
    """Where `many` of a kind or more stand in depth: how many, and the pointer to the one that is too many. With
    `by_default`, only over the initial weights that PyTorch takes."""
    if by_default and any(getattr(place.layer, "init", "default") != "default" for _, place in _hidden(chain)):
        return
    for pointers in _in_depth(chain, kind):
        if len(pointers) >= many:
            yield len(pointers), pointers[many - 1]


def _in_depth(chain: Chain, kind: str) -> Iterator[list[str]]:
    """Pointers to the activations of a kind that have no other one and nothing refreshing between them."""
    found: list[str] = []
    for pointer, place in _hidden(chain):
        if place.layer.type == kind:
            found.append(pointer)
        elif place.layer.type in FRESH or place.layer.type in NONLINEAR:
            yield found
            found = []
    yield found


def _hidden(chain: Chain) -> Chain:
    """What stands before the last layer that learns a map."""
    last = max((index for index, (_, place) in enumerate(chain) if place.layer.type in MAPS), default=0)
    return chain[:last]


def overflow(chain: Chain) -> Iterator[Warning]:
    """x² again and again is x to a power that float32 does not hold."""
    count = 0
    for pointer, place in chain:
        count = 0 if place.layer.type == "batch_norm" else count + (place.layer.type == "square")
        if count == SQUARES and place.layer.type == "square":
            yield Warning(
                "activation_overflows",
                pointer,
                f"{count} squares raise a number to the power {2**count}: float32 ends at {LARGEST:g}, which "
                f"{LARGEST**0.5**count:,.0f} comes to, and sums over many inputs come there sooner",
                'take {"type": "relu"}, or put {"type": "batch_norm"} before each square',
            )


def chosen_with_care(chain: Chain) -> Iterator[Warning]:
    """Nonlinearities of which the lecture speaks as examples, and which seldom learn well."""
    for pointer, place in chain:
        if place.layer.caution:
            yield Warning(
                f"{place.layer.type}_with_care",
                pointer,
                place.layer.caution,
                'take {"type": "relu"} or {"type": "tanh"}',
            )


def in_a_row(chain: Chain) -> Iterator[Warning]:
    """Two activations with nothing to learn between them. Behind the last layer that learns, each is its own rule."""
    row = [(pointer, place) for pointer, place in _hidden(chain) if place.layer.type not in ("flatten", "dropout")]
    for (_, before), (pointer, place) in pairwise(row):
        if before.layer.type in NONLINEAR and place.layer.type in NONLINEAR:
            yield Warning(
                "activations_in_a_row",
                pointer,
                f"{place.layer.type} comes right behind {before.layer.type}: between them nothing is learnt",
                "leave one of them out, or put a layer that learns between them",
            )


def softmax_within(chain: Chain) -> Iterator[Warning]:
    """A softmax in the middle makes all units share one sum of 1."""
    for pointer, place in _hidden(chain):
        if place.layer.type == "softmax":
            yield Warning(
                "softmax_within",
                pointer,
                "a softmax before another layer that learns: its outputs sum to 1, so most of them are near 0, and so "
                "are the gradients",
                'take {"type": "relu"} here; for probabilities none is needed, predictions have them all the same',
            )


def symmetric(chain: Chain) -> Iterator[Warning]:
    """Units that begin alike stay alike. In the last layer that learns zeros do no harm: what comes in differs."""
    for pointer, place in _hidden(chain):
        if getattr(place.layer, "init", None) == "zeros":
            yield Warning(
                "symmetric_initialisation",
                f"{pointer}/init",
                "all units of this layer begin alike, get the same gradient and stay alike: as one unit, or dead",
                'take "init": "he" (for ReLU) or "xavier" (for tanh and sigmoid)',
            )


def weights_of_no_size(chain: Chain) -> Iterator[Warning]:
    """A normal distribution so wide or narrow that numbers explode or vanish: each layer multiplies by std·√inputs."""
    for pointer, place in chain:
        layer = place.layer
        if not isinstance(layer, Linear | Conv2d) or not isinstance(layer.init, Normal):
            continue
        inputs = prod(place.shape) if isinstance(layer, Linear) else place.shape[0] * layer.kernel_size**2
        gain = layer.init.std * sqrt(inputs)
        small = gain < 1 / GAIN**2 and place is not chain[-1][1]
        if gain > GAIN or small:
            yield Warning(
                "initial_weights_unusual",
                f"{pointer}/init/std",
                f"weights of a spread of {layer.init.std:g} over {inputs:,} inputs make numbers {gain:.2g} times as "
                f"large: {'too small to learn from' if small else 'the loss begins high, and activations saturate'}",
                f'about {sqrt(2 / inputs):.2g} keeps their size behind a ReLU; init "he" takes that',
            )


def dropout(chain: Chain) -> Iterator[Warning]:
    """Too much of it, or where batch norm has to cope with it (Li et al. 2019, https://arxiv.org/abs/1801.05134)."""
    row = [(pointer, place) for pointer, place in chain if place.layer.type != "flatten"]
    for pointer, place in row:
        if isinstance(place.layer, Dropout) and place.layer.p > 0.8:
            yield Warning(
                "dropout_unusual",
                f"{pointer}/p",
                f"{place.layer.p:g} of the numbers are left out: what is left hardly says anything",
                "0.1 to 0.5 is usual",
            )
    for (pointer, before), (_, place) in pairwise(row):
        if isinstance(before.layer, Dropout) and before.layer.p > 0 and place.layer.type == "batch_norm":
            yield Warning(
                "dropout_before_batch_norm",
                pointer,
                "dropout changes the spread of what batch_norm sees in training and not of what it sees in evaluation",
                "put the dropout behind the batch_norm and its activation",
            )


def skipped_pixels(chain: Chain) -> Iterator[Warning]:
    """A window that moves further than it is wide. One pixel alone is often meant so, in shortcuts."""
    for pointer, place in chain:
        size, stride = getattr(place.layer, "kernel_size", 0), getattr(place.layer, "stride", None)
        if isinstance(place.layer, OF_PICTURES) and stride is not None and stride > size > 1:
            yield Warning(
                "window_skips_pixels",
                f"{pointer}/stride",
                f"the window of {size} moves by {stride}: the pixels between are never seen",
                f"take a stride of at most {size}",
            )


def plain_depth(chain: Chain) -> Iterator[Warning]:
    """Deep, and nothing that keeps gradients their size."""
    learning = [(pointer, place) for pointer, place in chain if place.layer.type in MAPS]
    if len(learning) > PLAIN and not any(place.layer.type in FRESH for _, place in chain):
        yield Warning(
            "deep_without_shortcuts",
            learning[PLAIN][0],
            f"{len(learning)} layers that learn, one behind the other, with neither batch_norm nor residual: such "
            "networks learn worse than shallower ones, on their own training data too",
            'put {"type": "batch_norm"} before the activations, or layers into {"type": "residual"}',
        )


def pooled_twice(chain: Chain) -> Iterator[Warning]:
    """Two max pools with nothing between are one with a larger window."""
    for (_, before), (pointer, place) in pairwise(chain):
        if isinstance(before.layer, MaxPool2d) and isinstance(place.layer, MaxPool2d):
            yield Warning(
                "pooled_twice",
                pointer,
                "two max_pool2d with nothing between them are one with a larger window",
                "put a conv2d and a relu between them, or leave one out",
            )


def beyond_a_run(chain: Chain) -> Iterator[Warning]:
    """It can be inspected, not trained."""
    total = 0
    for pointer, place in chain:
        total += place.layer.parameters(place.shape)
        if total > MAX_PARAMETERS:
            yield Warning(
                "units_exceed_limit",
                pointer,
                f"with this layer the network has {total:,} parameters; a run has at most {MAX_PARAMETERS:,}",
                "take fewer units or channels to train it here",
            )
            return


OF_CHAINS = (
    linear_stack, sigmoids_in_depth, tanhs_in_depth, relus_in_depth, overflow, chosen_with_care, in_a_row,
    softmax_within, symmetric, weights_of_no_size, dropout, skipped_pixels, pooled_twice,
)  # fmt: skip
OF_NETWORKS = (no_nonlinearity, plain_depth, beyond_a_run)
