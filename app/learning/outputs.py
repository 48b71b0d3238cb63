"""Interpretation of a network's outputs: logits or probabilities of classes, or values.

Two classes may share one output.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from app.learning.layers import Layer
from app.learning.losses import BinaryCrossEntropy, Loss
from app.learning.operators import OperatorGraph, integers, number

Kind = Literal["logits", "probabilities", "binary logits", "values"]


@dataclass(frozen=True)
class OutputKind:
    """Meaning of outputs (N, C), or (N, 1) for values or for two classes.

    A single output for two classes belongs to the second class, which is predicted at or above the probability
    `threshold`.
    """

    kind: Kind
    threshold: float = 0.5

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Probabilities of the classes, (N, C) float64; each row sums to 1.

        Applies a softmax or sigmoid only if the network itself does not.
        """
        exact = outputs.double()
        if self.kind == "logits":
            return exact.softmax(1)
        if self.kind == "binary logits":
            return torch.cat([(-exact).sigmoid(), exact.sigmoid()], 1)
        if exact.shape[1] == 1:
            return torch.cat([1 - exact, exact], 1)
        return exact / exact.sum(1, keepdim=True)  # float32 sums to 1 only up to rounding

    def operators(self, graph: OperatorGraph, outputs: str, count: int) -> str:
        """Append `probabilities` of `count` outputs to the graph, in float32; returns the name of the result."""
        if self.kind == "logits":
            return graph.apply("Softmax", outputs, axis=1)
        if self.kind == "binary logits":
            first = graph.apply("Sigmoid", graph.apply("Neg", outputs))
            return graph.apply("Concat", first, graph.apply("Sigmoid", outputs), axis=1)
        if count == 1:
            return graph.apply("Concat", graph.apply("Sub", number(1), outputs), outputs, axis=1)
        return graph.apply("Div", outputs, graph.apply("ReduceSum", outputs, integers(1)))

    def complement(self, output: Tensor) -> Tensor:
        """Output of the first of two classes that share one output, which is the second's."""
        return -output if self.kind == "binary logits" else 1 - output

    def labels(self, outputs: Tensor) -> Tensor:
        """Predicted classes, (N,) int64."""
        if outputs.shape[1] == 1:
            return (self.probabilities(outputs)[:, 1] >= self.threshold).long()
        return outputs.argmax(1)


def output_kind(layers: Sequence[Layer], loss: Loss) -> OutputKind:
    """Meaning of the outputs of a network with these layers and this loss."""
    probabilities = layers[-1].probabilities if layers else None
    if loss.task == "regression":
        return OutputKind("values")
    if isinstance(loss, BinaryCrossEntropy):
        return OutputKind("probabilities" if probabilities == "independent" else "binary logits", loss.threshold)
    return OutputKind("probabilities" if probabilities == "exclusive" else "logits")
