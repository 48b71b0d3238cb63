"""The computed memory equals what PyTorch uses."""

from dataclasses import MISSING

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from app.insight.analysis.memory import memory, numbers_a_parameter
from app.learning.architecture import build, rows
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer, Linear, ReLU, Shape
from app.learning.layers.activations import (
    GELU,
    LeakyReLU,
    LogActivation,
    Sigmoid,
    SineActivation,
    Softmax,
    SquareActivation,
    Tanh,
)
from app.learning.layers.convolution import AvgPool2d, Conv2d, MaxPool2d
from app.learning.layers.normalisation import BatchNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import Block, Flatten, Residual
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS, Adam, Momentum, Optimizer
from app.learning.presets import PRESETS

LIMIT = 10**9
NETWORKS: dict[str, tuple[list[Layer], Shape]] = {
    "linear": ([Linear(16), ReLU(), Linear(3)], (1, 8, 8)),
    "activations": (
        [
            layer
            for kind in (LeakyReLU, Sigmoid, Tanh, GELU, Softmax, SquareActivation, SineActivation, LogActivation)
            for layer in (Linear(16), kind())
        ],
        (12,),
    ),
    "relu twice": ([Linear(16), ReLU(), ReLU(), Linear(3)], (12,)),
    "dropout": ([Dropout(0.5), Linear(16), Dropout(0.5), ReLU(), Dropout(0.0), Linear(3)], (12,)),
    "batch norm": ([Linear(16), BatchNorm(), ReLU(), Linear(3)], (12,)),
    "convolution": (
        [Conv2d(6), BatchNorm(), ReLU(), MaxPool2d(), Conv2d(8, 1, stride=2), Tanh(), AvgPool2d(), Linear(3)],
        (1, 16, 16),
    ),
    "flattened": ([Conv2d(6), ReLU(), Flatten(), Linear(3)], (1, 16, 16)),
    "padded": ([Conv2d(6), Conv2d(6, 1, stride=2, padding=1), Linear(3)], (1, 16, 16)),
    "blocks": ([Block((Conv2d(8), ReLU()), 3), Block((Linear(9), Tanh()), 2), Linear(3)], (1, 8, 8)),
    "residual": (
        [Conv2d(4), Residual((Conv2d(8, stride=2), BatchNorm(), ReLU(), Conv2d(8))), ReLU(), Linear(3)],
        (1, 8, 8),
    ),
    "residual of rows": ([Linear(9), Residual((Linear(9), ReLU())), Residual((Linear(7),)), Linear(3)], (12,)),
    "frozen first": ([Conv2d(4, trainable=False), ReLU(), Linear(9), Tanh(), Linear(3)], (1, 8, 8)),
    "frozen within": ([Linear(9), Tanh(), Linear(9, trainable=False), Tanh(), Linear(3)], (12,)),
    "frozen batch norm": ([Conv2d(4), BatchNorm(trainable=False), Conv2d(4, trainable=False), Linear(3)], (1, 8, 8)),
    "lenet": (layers_from_json(PRESETS["lenet"].layers), (1, 28, 28)),
    "vgg_small": (layers_from_json(PRESETS["vgg_small"].layers), (1, 28, 28)),
    "mlp": (layers_from_json(PRESETS["mlp"].layers), (1, 28, 28)),
}
# Every layer that needs no fields, after rows and after pictures.
for kind, entry in LAYERS.items():
    if all(item.default is not MISSING for item in request_fields(entry)):
        if entry.role != "pooling":
            NETWORKS[f"{kind} added to rows"] = [Linear(16), entry(), Linear(3)], (12,)
        if entry.role != "reshaping":
            NETWORKS[f"{kind} added to pictures"] = [Conv2d(6), entry(), Conv2d(4), entry(), Linear(3)], (1, 12, 12)


def built(layers: list[Layer], shape: Shape) -> nn.Sequential:
    """Build the network as a training does."""
    model = build(layers, shape)
    return (
        model.to(memory_format=torch.channels_last) if any(isinstance(m, nn.Conv2d) for m in model.modules()) else model
    )


def kept(model: nn.Module, inputs: Tensor) -> int:
    """Bytes that autograd saves in one forward pass, without those of the module itself."""
    found: dict[int, int] = {}
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = model(inputs)
    assert outputs.requires_grad
    return sum(found.values())


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_kept_for_the_way_back_is_what_autograd_keeps(name: str) -> None:
    layers, shape = NETWORKS[name]
    for batch_size in (2, 5):
        foretold = memory(layers, shape, batch_size, Adam(), LIMIT).saved_for_backward
        assert foretold == kept(built(layers, shape), torch.rand(batch_size, *shape)), (name, batch_size)


def test_every_layer_is_in_one_of_them() -> None:
    def kinds(layers: list[Layer]) -> set[str]:
        found = {layer.type for layer in layers}
        return found.union(*(kinds(list(getattr(layer, "layers", ()))) for layer in layers)) if layers else found

    assert set().union(*(kinds(layers) for layers, _ in NETWORKS.values())) == set(LAYERS)


class Living(TorchDispatchMode):
    """Peak number of bytes of the tensors that operations create, without those in `there`."""

    def __init__(self, there: set[int]) -> None:
        super().__init__()
        self.there = there
        self.alive: dict[int, tuple[int, StorageWeakRef]] = {}
        self.most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        self.alive = {key: (size, other) for key, (size, other) in self.alive.items() if not other.expired()}
        for tensor in found if isinstance(found, tuple | list) else (found,):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in self.there:
                self.alive[storage.data_ptr()] = storage.nbytes(), StorageWeakRef(storage)
        self.most = max(self.most, sum(size for size, _ in self.alive.values()))
        return found


@pytest.mark.parametrize("name", NETWORKS)
def test_a_prediction_has_as_much_in_memory_as_is_foretold(name: str) -> None:
    layers, shape = NETWORKS[name]
    model, batch_size = build(layers, shape).eval(), 7
    inputs = torch.rand(batch_size, *shape)
    there = {tensor.untyped_storage().data_ptr() for tensor in (inputs, *model.parameters(), *model.buffers())}
    with torch.no_grad(), Living(there) as living:
        model(inputs)
    foretold = memory(layers, shape, batch_size, Adam(), LIMIT).inference
    assert foretold == pytest.approx(inputs.nbytes + living.most, rel=0.02)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS.values(), *LECTURE_FORMS.values()], ids=lambda o: o.__name__)
def test_an_optimizers_state_is_as_large_as_is_foretold(optimizer: type[Optimizer]) -> None:
    layers, shape = NETWORKS["frozen within"]
    model = build(layers, shape)
    stepping = optimizer().build([parameter for parameter in model.parameters() if parameter.requires_grad])
    model(torch.rand(2, *shape)).sum().backward()
    stepping.step()
    states = [value for state in stepping.state.values() for value in state.values() if isinstance(value, Tensor)]
    foretold = memory(layers, shape, 2, optimizer(), LIMIT)
    assert foretold.optimizer_state == sum(value.nbytes for value in states if value.dim())
    assert foretold.parameters == sum(parameter.nbytes for parameter in model.parameters())
    assert foretold.gradients == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)


def test_momentum_of_nothing_keeps_nothing() -> None:
    assert [numbers_a_parameter(Momentum(momentum=mu)) for mu in (0.0, 0.9)] == [0, 1]


def test_it_is_counted_not_allocated() -> None:
    (place,) = rows([Linear(10**4)], (9 * 10**4,), LIMIT)
    found = memory([place.layer], place.shape, 10**7, Adam(), LIMIT)
    assert found.parameters == 4 * (9 * 10**8 + 10**4) and found.saved_for_backward == 4 * 9 * 10**4 * 10**7
