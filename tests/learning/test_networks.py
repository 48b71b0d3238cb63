"""Networks with every kind of layer: trained, stopped in the middle, and continued."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from app.datasets.builtin import BUILTIN
from app.learning.architecture import build
from app.learning.data import Data
from app.learning.layers import Layer, Linear, ReLU
from app.learning.layers.activations import Tanh
from app.learning.layers.convolution import Conv2d, MaxPool2d
from app.learning.layers.normalisation import BatchNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.structure import Block, Residual
from app.learning.losses import LOSSES, CrossEntropy
from app.learning.optimizers import SGD, Adam, Momentum, Optimizer
from app.learning.preprocessing import Affine
from app.learning.recipe import Precision, Recipe
from app.learning.serialization import checkpoint_from_safetensors, checkpoint_to_safetensors, from_safetensors
from app.learning.stopping import Stop
from app.learning.training import Training
from tests.support.optimizers import EVERY_OPTIMIZER
from tests.support.training import network_of

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
    """A training on 50 pictures of 8×8, 3 classes, batches of 8: 41 training examples leave a last batch of one."""
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


def goes_on(layers: list[Layer], at: int, optimizer: Optimizer) -> None:
    """A training that is stopped at a step and restored from its file has the same result as an undisturbed one."""
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
    assert torch.equal(served.outputs(inputs), served.outputs(inputs))  # eval mode draws no random numbers


@pytest.mark.parametrize("optimizer", [SGD(), Momentum(), Adam()], ids=lambda o: o.name)
@pytest.mark.parametrize("at", [1, 4, 5, 12])  # within an epoch, just before and at its end, and later
@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS)
def test_it_goes_on_with_the_same_bits(layers: list[Layer], at: int, optimizer: Optimizer) -> None:
    goes_on(layers, at, optimizer)


@pytest.mark.parametrize("optimizer", EVERY_OPTIMIZER, ids=repr)
def test_with_channels_innermost_every_optimizer_goes_on_with_the_same_bits(optimizer: Optimizer) -> None:
    goes_on(NETWORKS["convolution"], 4, optimizer)


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
    """Bytes that autograd saves in one forward pass, without the parameters."""
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
    """The lecture credits eval mode, but it is `no_grad` that saves nothing for backward."""
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
    assert linear.stepper.gradients == "autograd"  # gradients by hand would be fp32


def letters_in_little() -> Data:
    """1,500 letters A–J as pictures of 7×7, the means of 4×4 pixels."""
    letters = BUILTIN["notmnist"].load()
    inputs = avg_pool2d(torch.from_numpy(letters.inputs[:1600]).float() / 255, 4)
    parts = {"train": torch.arange(1500), "validation": torch.arange(1500, 1550), "test": torch.arange(1550, 1600)}
    return Data(inputs, torch.from_numpy(letters.targets[:1600]), parts, Affine(), Affine())


def least_loss_of_one_linear_layer(data: Data) -> float:
    """Minimum on the training part. The loss is convex in the weights, so L-BFGS finds it from any start."""
    inputs, classes = data.batch(data.parts["train"], torch.device("cpu"))
    layer = nn.Linear(inputs[0].numel(), 10)
    search = torch.optim.LBFGS(layer.parameters(), max_iter=150, history_size=20, line_search_fn="strong_wolfe")

    def loss() -> float:
        search.zero_grad()
        found = CrossEntropy().function(layer(inputs.flatten(1)), classes)
        found.backward()  # type: ignore[no-untyped-call]
        return found.item()

    search.step(loss)
    return loss()


def test_a_stack_of_linear_layers_does_no_better_than_one_and_with_a_relu_between_it_does() -> None:
    """The lecture's reason for nonlinearities."""
    data = letters_in_little()
    best = least_loss_of_one_linear_layer(data)

    def least_loss(*layers: Layer) -> float:
        stop = Stop(max_epochs=None, max_steps=200)
        recipe = Recipe([*layers, Linear(10)], (1, 7, 7), CrossEntropy(), Adam(lr=0.02), None, stop, seed=0)
        return min(step.loss for step in Training(recipe, data, torch.device("cpu")).steps())

    assert best <= least_loss(Linear(32), Linear(32)) < 1.1 * best  # close to the minimum, and never below
    assert least_loss(Linear(32), ReLU(), Linear(32), ReLU()) < best / 4


def test_the_lectures_three_neurons_and_two_are_one_layer_of_two_weights_each() -> None:
    model = build([Linear(3), Linear(2)], (2,)).double()
    first, second = (module for module in model if isinstance(module, nn.Linear))
    inputs = torch.randn(20, 2, dtype=torch.float64)
    weights = second.weight @ first.weight  # W₁W₂, transposed as PyTorch stores it
    bias = second.weight @ first.bias + second.bias
    torch.testing.assert_close(model(inputs), inputs @ weights.t() + bias, rtol=1e-12, atol=1e-12)
