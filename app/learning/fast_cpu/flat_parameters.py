"""FlatParameters: the parameters of an optimizer group as views of a single tensor."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """Parameters stored one after another in the tensor `whole`, each matrix as (in, out).

    PyTorch's layout is (out, in); XᵀG takes a seventh less time with the transposed layout. Construction moves the
    parameters: their `.data` become views of `whole`.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self.parameters, self.shapes = list(parameters), [parameter.shape for parameter in parameters]
        self.whole = nn.Parameter(torch.cat([parameter.detach().t().flatten() for parameter in parameters]))
        self._point_to(self.whole.data)

    def move(self, memory: Tensor) -> None:
        """Move the parameters to `memory`, a flat tensor of the size of `whole`."""
        self.whole.data = memory.copy_(self.whole.data)
        self._point_to(memory)

    def _point_to(self, memory: Tensor) -> None:
        for parameter, view in zip(self.parameters, self.views(memory), strict=True):
            parameter.data = view

    def views(self, whole: Tensor) -> list[Tensor]:
        """Views of a tensor with the layout of `whole`: one per parameter, in the parameter's shape."""
        sizes = [shape.numel() for shape in self.shapes]
        return [part.view(shape[::-1]).t() for part, shape in zip(torch.split(whole, sizes), self.shapes, strict=True)]

    def split(self, state: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """Split the optimizer state of `whole` into one state per parameter; the parameters share scalars."""
        states: list[dict[str, Tensor]] = [{} for _ in self.shapes]
        for name, value in state.items():
            values = self.views(value) if value.shape == self.whole.shape else [value] * len(states)
            for state_of_one, one in zip(states, values, strict=True):
                state_of_one[name] = one
        return states

    def join(self, states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        """Join the optimizer states of the parameters into the state of `whole`; scalars come from the first."""
        joined: dict[str, Tensor] = {}
        for name, first in states[0].items():
            if first.shape != self.shapes[0]:
                joined[name] = first.clone()  # the optimizer counts steps in place
                continue
            joined[name] = torch.empty_like(self.whole.data, dtype=first.dtype)
            for view, state in zip(self.views(joined[name]), states, strict=True):
                view.copy_(state[name])
        return joined
