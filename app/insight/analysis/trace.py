"""Trace of one batch through an untrained network and back: all that a training's first step computes."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt

import torch
from torch import Tensor, nn

from app.insight.analysis.backpropagation import WrittenOut, write_out
from app.insight.analysis.memory import memory
from app.insight.analysis.random_state import seeded
from app.learning.architecture import build, flatten_layers, flatten_modules, refuse_untrainable, rows
from app.learning.data import Data
from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, LayerShape, Shape
from app.learning.layers.structure import counted
from app.learning.losses import Loss
from app.learning.optimizers import SGD
from app.messages import Fix

# One core traces this in under half a second.
MOST_PARAMETERS = 10**7
MOST_PRODUCTS = 2 * 10**9  # of the batch's forward pass; the backward pass takes twice as many
MOST_BYTES = 2**28  # saved for the batch's backward pass
NOT_ON_THE_WAY = ("AccumulateGrad", "TBackward0")  # parameters, and their transposes


@dataclass(frozen=True)
class Numbers:
    """Statistics of a tensor. `zeros` and `saturated` are shares. `saturated` is None unless the layer can saturate."""

    mean: float
    std: float
    norm: float
    zeros: float
    saturated: float | None = None


@dataclass(frozen=True)
class TracedParameter:
    """A parameter. `gradient_before` is its `.grad` before the backward pass; `gradient` is None if it is frozen."""

    name: str
    shape: Shape
    values: Numbers
    gradient_before: Numbers | None
    gradient: Numbers | None


@dataclass(frozen=True)
class TracedLayer:
    """A layer's output for the batch, and the loss's gradient with respect to it: None if no layer up to it learns.
    The shape leaves out the batch."""

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
    """One batch, forward and backward. `blind_guess` is the loss of the best constant prediction. `grad_fn` names
    autograd's functions from the loss back. `index` is the first example's in the dataset, `example` its output."""

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
    by_hand: WrittenOut | None


def trace(
    layers: list[Layer], input_shape: Shape, loss: Loss, data: Data, batch_size: int | None, seed: int, hand: bool
) -> Trace:
    """Forward and backward pass of the first step of a run with this seed: the same weights, the same examples.

    `layers` include the output layer. A `batch_size` of None takes all training examples. With `hand`, backpropagation
    is written out. Raises InvalidChoice if the batch takes too much time or memory.
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
        places = list(flatten_layers(rows(layers, input_shape), opened=("sequence",)))
        outputs = list(_forward(model, inputs))
    before = {name: parameter.grad for name, parameter in model.named_parameters()}
    total = loss.function(outputs[-1], targets)
    total.backward()  # type: ignore[no-untyped-call]
    alone = loss.function(outputs[-1][:1], targets[:1])
    return Trace(
        batch_size=size,
        inputs=numbers(inputs),
        layers=[
            _layer(pointer, place, output, module, before)
            for (pointer, place), output, module in zip(places, outputs, _named(model), strict=True)
        ],
        loss=total.item(),
        blind_guess=loss.baseline_loss(data.targets_at(train), size, outputs[-1].shape[1]),
        grad_fn=list(_backward_functions(total)),
        index=int(indices[0]),
        example=outputs[-1][0].tolist(),
        example_target=targets[0].item(),
        example_loss=alone.item(),
        by_hand=write_out(places, list(flatten_modules(model)), inputs, targets, loss) if hand else None,
    )


def _forward(model: nn.Sequential, x: Tensor) -> Iterator[Tensor]:
    """Outputs of the layers, which retain their gradients."""
    for module in flatten_modules(model):
        x = module(x)
        if x.requires_grad:
            x.retain_grad()
        yield x


def _named(model: nn.Sequential, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Modules in their order, each with the prefix of its parameters' names."""
    for name, module in model.named_children():
        if isinstance(module, nn.Sequential):
            yield from _named(module, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}.", module


def _layer(
    pointer: str, place: LayerShape, output: Tensor, named: tuple[str, nn.Module], before: dict[str, Tensor | None]
) -> TracedLayer:
    prefix, module = named
    return TracedLayer(
        type=place.layer.type,
        pointer=pointer,
        implied=place.implied,
        output_shape=place.output_shape,
        output=numbers(output, place.layer.unsaturated_range),
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
    """Statistics of a tensor of any shape. Numbers outside the range `unsaturated` are saturated."""
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


def _backward_functions(loss: Tensor) -> Iterator[str]:
    """Names of autograd's functions from the loss to the first layer; at a branch, the first path."""
    node = loss.grad_fn
    while node is not None:
        yield node.name()
        before = (function for function, _ in node.next_functions if function is not None)
        node = next((function for function in before if not function.name().endswith(NOT_ON_THE_WAY)), None)


def _refuse_large(layers: list[Layer], input_shape: Shape, size: int) -> None:
    """Raise InvalidChoice, with the bound and the largest batch within it, if the trace would be too large."""
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
