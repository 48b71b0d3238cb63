"""Networks of every kind of layer: trained, stopped in the middle, and gone on with."""

import pytest
import torch
from torch import nn

from app.learning.data import Data
from app.learning.export import checkpoint_from_safetensors, checkpoint_to_safetensors, from_safetensors
from app.learning.layers import Layer, Linear, ReLU
from app.learning.layers.activations import Tanh
from app.learning.layers.convolution import Conv2d, MaxPool2d
from app.learning.layers.regularisation import BatchNorm, Dropout
from app.learning.layers.structure import Block, Residual
from app.learning.losses import LOSSES
from app.learning.optimizers import SGD, Adam, Momentum, Optimizer
from app.learning.preprocessing import Affine
from app.learning.stopping import Stop
from app.learning.training import Precision, Recipe, Training
from tests.learning.test_training import network_of

NETWORKS: dict[str, list[Layer]] = {
    "dropout": [Linear(16), ReLU(), Dropout(0.5)],
    "batch norm": [Linear(16), BatchNorm(), ReLU()],
    "convolution": [Conv2d(6), BatchNorm(), ReLU(), MaxPool2d(), Block((Conv2d(8), ReLU()), 2), Dropout(0.2)],
    "residual": [Conv2d(4), Residual((Conv2d(8, stride=2), BatchNorm(), ReLU(), Conv2d(8))), ReLU()],
    "frozen and slow": [Conv2d(4, trainable=False), ReLU(), Linear(9, lr_factor=0.1), Tanh()],
}


def training(
    layers: list[Layer],
    optimizer: Optimizer | None = None,
    train: int = 41,
    precision: Precision = "fp32",
    epochs: int = 4,
) -> Training:
    """On 50 pictures of 8×8, 3 classes, batches of 8: with 41 to learn from, the last one of an epoch is alone."""
    numbers = torch.Generator().manual_seed(7)
    targets = torch.randint(3, (50,), generator=numbers)
    inputs = torch.randn(50, 1, 8, 8, generator=numbers) + targets[:, None, None, None]
    parts = {"train": torch.arange(train), "validation": torch.arange(train, 46), "test": torch.arange(46, 50)}
    data = Data(inputs, targets, parts, Affine(), Affine())
    recipe = Recipe(
        [*layers, Linear(3)], (1, 8, 8), LOSSES["cross_entropy"](), optimizer or Adam(), 8, Stop(max_epochs=epochs), 0,
        precision=precision,
    )  # fmt: skip
    return Training(recipe, data, torch.device("cpu"))


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(), Adam()], ids=lambda o: o.name)
@pytest.mark.parametrize("at", [1, 4, 5, 12])  # within an epoch, just before and at its end, and later
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_it_goes_on_with_the_same_bits(layers: list[Layer], at: int, optimizer: Optimizer) -> None:
    undisturbed = training(layers, optimizer)
    losses = [step.loss for step in undisturbed.steps()]
    stopped = training(layers, optimizer)
    for step in stopped.steps():
        if step.number == at:
            break
    file = checkpoint_to_safetensors(stopped.checkpoint(), network_of(stopped))
    restored = training(layers, optimizer)
    restored.restore(checkpoint_from_safetensors(file))
    assert [step.loss for step in restored.steps()] == losses[at:]
    for ours, theirs in zip(restored.model.state_dict().values(), undisturbed.model.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    served = from_safetensors(file)
    inputs = torch.randn(3, 1, 8, 8)
    assert torch.equal(served.outputs(inputs), served.outputs(inputs))  # eval mode: nothing is drawn


def test_a_frozen_layer_keeps_its_bits_and_a_slow_one_moves_less() -> None:
    run = training(NETWORKS["frozen and slow"], SGD())
    before = {name: tensor.clone() for name, tensor in run.model.state_dict().items()}
    next(iter(run.steps()))
    moved = {name: float((tensor - before[name]).abs().max()) for name, tensor in run.model.state_dict().items()}
    assert moved["0.weight"] == moved["0.bias"] == 0
    gradient = run.model.get_parameter("3.weight").grad
    assert gradient is not None
    assert moved["3.weight"] == pytest.approx(0.1 * 0.1 * float(gradient.abs().max()), rel=1e-3)


def test_with_batch_norm_nobody_is_alone_and_nobody_is_left_out() -> None:
    run = training(NETWORKS["batch norm"])
    batches = [indices.tolist() for indices in run._rest_of_epoch()]
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 9] and run.steps_per_epoch == 5
    assert sorted(index for batch in batches for index in batch) == list(range(41))
    without = training(NETWORKS["dropout"])
    assert [len(indices) for indices in without._rest_of_epoch()] == [8, 8, 8, 8, 8, 1]


@pytest.mark.parametrize("layers", [NETWORKS["dropout"], NETWORKS["batch norm"]])
def test_learning_and_predicting_differ_where_they_must(layers: list[Layer]) -> None:
    run = training(layers)
    inputs = torch.randn(40, 1, 8, 8)
    with torch.no_grad():
        run.model.train()
        learning = run.model(inputs)
        run.model.eval()
        predicting = run.model(inputs)
        assert not torch.equal(learning, predicting)
        assert torch.equal(predicting, run.model(inputs))


def kept_for_backward(model: nn.Module, inputs: torch.Tensor) -> int:
    """Bytes that autograd keeps of one forward pass, beside the parameters."""
    kept: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        outputs = model(inputs)
    del outputs
    return sum(kept.values())


def test_no_grad_saves_the_memory_and_eval_mode_saves_none() -> None:
    """The lecture credits the mode; it is `no_grad` that keeps nothing for backward."""
    model = nn.Sequential(*[module for _ in range(8) for module in (nn.Linear(64, 64), nn.ReLU())])
    inputs = torch.randn(32, 64)
    kept = {}
    for learning in (True, False):
        model.train(learning)
        for grad in (True, False):
            with torch.set_grad_enabled(grad):
                kept[learning, grad] = kept_for_backward(model, inputs)
    assert kept[True, True] == kept[False, True] > 0
    assert kept[True, False] == kept[False, False] == 0


def test_bf16_learns_what_fp32_learns_with_weights_in_fp32() -> None:
    exact, short = (training(NETWORKS["convolution"], precision=precision, epochs=15) for precision in ("fp32", "bf16"))
    last = [list(run.steps())[-1].metrics for run in (exact, short)]
    assert all(metrics is not None and metrics["train"]["accuracy"] > 0.9 for metrics in last)
    assert all(tensor.dtype != torch.bfloat16 for tensor in short.model.state_dict().values())
    assert [step.loss for step in training(NETWORKS["convolution"], precision="bf16").steps()] != [
        step.loss for step in training(NETWORKS["convolution"]).steps()
    ]
    linear = training([Linear(8), ReLU()], precision="bf16")
    assert linear.chain is None  # by hand it would be fp32
