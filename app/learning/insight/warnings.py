"""What a good teacher would say before the training begins. A warning never blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import e, log

from app.learning.architecture import walk
from app.learning.layers import Layer, Linear


@dataclass(frozen=True)
class Warning:
    """`pointer` leads to the field of the request; `fix` is one change to try."""

    code: str
    pointer: str
    detail: str
    fix: str


# What each optimizer usually takes: (lowest, highest) learning rate that is no surprise. Wide on purpose: a warning
# that is wrong teaches nothing. From PyTorch's defaults, and the lecture's 0.1 for plain gradient descent.
USUAL_LR = {
    "sgd": (1e-4, 2.0),
    "momentum": (1e-5, 1.0),
    "adagrad": (1e-5, 1.0),
    "rmsprop": (1e-6, 0.05),
    "adam": (1e-6, 0.05),
    "adamw": (1e-6, 0.05),
}


def warnings(
    layers: Sequence[Layer], loss: str, outputs: int, optimizer: str, lr: float, batch_size: int | None, train: int
) -> list[Warning]:
    """All that is known of a run before it: its layers (output layer included), and `train` examples to learn from."""
    return [*of_architecture(layers, loss, outputs), *unusual_lr(optimizer, lr), *large_batch(batch_size, train)]


def of_architecture(layers: Sequence[Layer], loss: str, outputs: int) -> Iterator[Warning]:
    """What the layers alone tell, the output layer included."""
    found = list(walk(list(layers)))
    yield from linear_stack(found)
    yield from softmax_before_loss(found, loss, outputs)
    yield from chosen_with_care(found)


Walked = Sequence[tuple[str, Layer]]


def linear_stack(layers: Walked) -> Iterator[Warning]:
    """(XW₁ + b₁)W₂ + b₂ is XW + b again: without a nonlinearity between, depth adds nothing (lecture, nonlinearity)."""
    known = set()
    row = [(pointer, layer) for pointer, layer in layers if layer.type not in ("flatten", "block")]
    for (_, before), (pointer, layer) in pairwise(row):
        if isinstance(before, Linear) and isinstance(layer, Linear) and pointer not in known:
            known.add(pointer)
            yield Warning(
                "linear_stack_collapses",
                pointer,
                "two linear layers with nothing between them are one linear layer",
                'put {"type": "relu"} between them, or leave one out',
            )


def softmax_before_loss(layers: Walked, loss: str, outputs: int) -> Iterator[Warning]:
    """Cross-entropy takes the softmax of its inputs; of shares from 0 to 1 it cannot fall below ln(e + C − 1) − 1."""
    pointer, last = layers[-1]
    if last.type == "softmax" and loss == "cross_entropy":
        floor = log(e + outputs - 1) - 1
        yield Warning(
            "softmax_before_cross_entropy",
            pointer,
            f"cross_entropy takes the softmax itself; after another one the loss cannot fall below {floor:.3f} and "
            "learning is slower",
            "leave the softmax out: predictions have their probabilities all the same",
        )


def chosen_with_care(layers: Walked) -> Iterator[Warning]:
    """Nonlinearities of which the lecture speaks as examples, and which seldom learn well."""
    known = set()
    for pointer, layer in layers:
        if layer.caution and pointer not in known:
            known.add(pointer)
            yield Warning(
                f"{layer.type}_with_care", pointer, layer.caution, 'take {"type": "relu"} or {"type": "tanh"}'
            )


def unusual_lr(optimizer: str, lr: float) -> Iterator[Warning]:
    """A learning rate far outside what the optimizer usually takes."""
    low, high = USUAL_LR[optimizer]
    if not low <= lr <= high:
        much = "large: the loss may grow instead of falling" if lr > high else "small: the loss may hardly move"
        yield Warning(
            "learning_rate_unusual",
            "/optimizer/lr",
            f"{lr:g} is {much}",
            f"{optimizer} usually takes from {low:g} to {high:g}",
        )


def large_batch(batch_size: int | None, train: int) -> Iterator[Warning]:
    """A batch that is larger than the data is the full batch, which `"full"` says more plainly."""
    if batch_size is not None and batch_size > train:
        yield Warning(
            "batch_larger_than_data",
            "/batch_size",
            f"the batch of {batch_size:,} is larger than the {train:,} examples to train on: each step takes all",
            'say "full" for gradient descent on all the data, or take a smaller batch',
        )
