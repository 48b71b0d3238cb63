"""One batch through a network that has learnt nothing yet, and back: what a step sees before it is taken."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor, nn

from app.insight.analysis.backpropagation import ByHand, by_hand
from app.insight.analysis.diagnostics import SATURATED
from app.insight.analysis.generator import seeded
from app.insight.analysis.memory import memory
from app.learning.architecture import build, refuse_untrainable, rows, spread
from app.learning.data import Data
from app.learning.errors import InvalidChoice
from app.learning.fast_cpu.linear_chain import modules
from app.learning.layers import Layer, Shape
from app.learning.layers.structure import Placed, counted
from app.learning.losses import Loss
from app.learning.optimizers import SGD
from app.messages import Fix

# What is answered in under half a second by one core.
MOST_PARAMETERS = 10**7
MOST_PRODUCTS = 2 * 10**9  # of the batch, forward; back again takes twice as many
MOST_BYTES = 2**28  # kept of the batch for the way back
NOT_ON_THE_WAY = ("AccumulateGrad", "TBackward0")  # parameters, and their transposes


@dataclass(frozen=True)
class Numbers:
    """How a tensor's numbers are spread. `zeros` and `saturated` are shares; the latter of sigmoid and tanh alone."""

    mean: float
    std: float
    norm: float
    zeros: float
    saturated: float | None = None


@dataclass(frozen=True)
class TracedParameter:
    """`gradient_before` is what stands in `.grad` before backward; the gradient is None where it does not learn."""

    name: str
    shape: Shape
    values: Numbers
    gradient_before: Numbers | None
    gradient: Numbers | None


@dataclass(frozen=True)
class TracedLayer:
    """A layer's output of the batch (shape without it), and the loss's gradient by that output: None where nothing
    before it learns."""

    type: str
    pointer: str
    implied: bool
    output_shape: Shape
    output: Numbers
    gradient: Numbers | None
    grad_fn: str | None
    parameters: list[TracedParameter]


@dataclass(frozen=True)
class Trace:
    """`blind_guess` is the loss of the best prediction that is the same for all. `grad_fn` is autograd's way back, from
    the loss on; `index` is the first example's in the dataset, `example` what the network gives for it."""

    batch_size: int
    inputs: Numbers
    layers: list[TracedLayer]
    loss: float
    blind_guess: float
    grad_fn: list[str]
    index: int
    example: list[float]
    example_target: float
    example_loss: float
    by_hand: ByHand | None


def trace(
    layers: list[Layer], input_shape: Shape, loss: Loss, data: Data, batch_size: int | None, seed: int, hand: bool
) -> Trace:
    """The first step of a run with this seed, but for the step: the same weights, the same examples.

    `layers` with the output layer; a `batch_size` of None takes all training examples; `hand` writes backpropagation
    out. Raises InvalidChoice where it would take too long or too much.
    """
    train = data.parts["train"]
    size = min(batch_size or len(train), len(train))
    _refuse_large(layers, input_shape, size)
    refuse_untrainable(layers, input_shape, size)
    order = torch.Generator().manual_seed(seed)
    indices = train[torch.randperm(len(train), generator=order)][:size]
    inputs, targets = data.batch(indices, torch.device("cpu"))
    with seeded(seed):
        model = build(layers, input_shape).train()
        places = list(spread(rows(layers, input_shape), opened=("block",)))
        outputs = list(_forward(model, inputs))
    before = {name: parameter.grad for name, parameter in model.named_parameters()}
    found = loss.function(outputs[-1], targets)
    found.backward()  # type: ignore[no-untyped-call]
    alone = loss.function(outputs[-1][:1], targets[:1])
    return Trace(
        batch_size=size,
        inputs=numbers(inputs),
        layers=[
            _layer(pointer, place, output, module, before)
            for (pointer, place), output, module in zip(places, outputs, _named(model), strict=True)
        ],
        loss=found.item(),
        blind_guess=loss.baseline_loss(data.targets_at(train), size, outputs[-1].shape[1]),
        grad_fn=list(_way_back(found)),
        index=int(indices[0]),
        example=outputs[-1][0].tolist(),
        example_target=targets[0].item(),
        example_loss=alone.item(),
        by_hand=by_hand(places, list(modules(model)), inputs, targets, loss) if hand else None,
    )


def _forward(model: nn.Sequential, x: Tensor) -> Iterator[Tensor]:
    """What each layer gives, and keeps its gradient."""
    for module in modules(model):
        x = module(x)
        if x.requires_grad:
            x.retain_grad()
        yield x


def _named(model: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules in their order, each with what the names of its parameters begin with."""
    for name, module in model.named_children():
        if isinstance(module, nn.Sequential):
            yield from _named(module, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}.", module


def _layer(
    pointer: str, place: Placed, output: Tensor, named: tuple[str, nn.Module], before: dict[str, Tensor | None]
) -> TracedLayer:
    prefix, module = named
    return TracedLayer(
        type=place.layer.type,
        pointer=pointer,
        implied=place.implied,
        output_shape=place.output_shape,
        output=numbers(output, SATURATED.get(type(module))),
        gradient=_numbers_of(output.grad if output.requires_grad else None),
        grad_fn=None if output.grad_fn is None else output.grad_fn.name(),
        parameters=[
            TracedParameter(
                name=f"{prefix}{name}",
                shape=tuple(parameter.shape),
                values=numbers(parameter),
                gradient_before=_numbers_of(before[f"{prefix}{name}"]),
                gradient=_numbers_of(parameter.grad),
            )
            for name, parameter in module.named_parameters()
        ],
    )


def numbers(tensor: Tensor, unsaturated: tuple[float, float] | None = None) -> Numbers:
    """Of a tensor of any shape; `unsaturated` are the bounds beyond which a number of it is saturated."""
    y = tensor.detach()
    mean = y.mean()
    std = torch.linalg.vector_norm(y - mean) / sqrt(y.numel())  # several times as quick as torch.std
    beyond = None if unsaturated is None else (y < unsaturated[0]) | (y > unsaturated[1])
    return Numbers(
        mean=mean.item(),
        std=std.item(),
        norm=torch.linalg.vector_norm(y).item(),
        zeros=(y == 0).float().mean().item(),
        saturated=None if beyond is None else beyond.float().mean().item(),
    )


def _numbers_of(tensor: Tensor | None) -> Numbers | None:
    return None if tensor is None else numbers(tensor)


def _way_back(loss: Tensor) -> Iterator[str]:
    """The names of autograd's functions from the loss to the first layer; of two ways the first."""
    node = loss.grad_fn
    while node is not None:
        yield node.name()
        before = (function for function, _ in node.next_functions if function is not None)
        node = next((function for function in before if not function.name().endswith(NOT_ON_THE_WAY)), None)


def _refuse_large(layers: list[Layer], input_shape: Shape, size: int) -> None:
    """Raises InvalidChoice with the bound, and what would be within."""
    rows(layers, input_shape, MOST_PARAMETERS)
    products = max(1, counted(tuple(layers), input_shape).multiply_adds)
    kept = memory(layers, input_shape, 1, SGD(), MOST_PARAMETERS).saved_for_backward + 4 * prod(input_shape)
    fits = min(MOST_PRODUCTS // products, MOST_BYTES // kept)
    if fits == 0:
        raise InvalidChoice(
            "trace_too_large", "/model/layers",
            products=products, bytes=kept, most_products=MOST_PRODUCTS, most_bytes=MOST_BYTES,
        )  # fmt: skip
    if size > fits:
        raise InvalidChoice(
            "trace_batch_too_large", "/batch_size", Fix("/batch_size", fits),
            examples=size, products=size * products, bytes=size * kept,
            most_products=MOST_PRODUCTS, most_bytes=MOST_BYTES, limit=fits,
        )  # fmt: skip
