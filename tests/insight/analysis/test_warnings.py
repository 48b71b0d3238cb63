"""Warnings about a network and a run before training: given if they apply, and only then."""

import re
from math import e, log
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from app.insight.analysis import stacks as chains_module
from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.analysis.recipe_rules import emulated_bfloat16
from app.insight.analysis.stacks import as_one_layer, chains, modules_of_chains, stacks
from app.insight.analysis.warnings import of_architecture, warnings
from app.learning.architecture import build, rows, with_output_layer
from app.learning.layers import LAYERS, Layer, Linear, Normal, ReLU, Shape
from app.learning.layers.activations import LeakyReLU, Sigmoid, Softmax, SquareActivation, Tanh
from app.learning.layers.convolution import AvgPool2d, Conv2d, MaxPool2d
from app.learning.layers.normalisation import BatchNorm, LayerNorm
from app.learning.layers.regularisation import Dropout
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import Block, Residual
from app.learning.losses import MSE, BinaryCrossEntropy, CrossEntropy, Loss
from app.learning.optimizers import SGD, Adam, optimizer_from_json
from app.learning.presets import PRESETS
from app.learning.recipe import Recipe
from app.learning.schedules import Cosine, OneCycle
from app.learning.stopping import LossTarget, Stop
from tests.support.documents import described_warnings

ROOT = Path(__file__).parents[3]
PICTURE: Shape = (1, 28, 28)


def said(layers: list[Layer], shape: Shape = PICTURE, loss: Loss | None = None, batch_size: int | None = 128,
         outputs: int = 10) -> list[tuple[str, str]]:  # fmt: skip
    complete = with_output_layer(layers, outputs)
    return [
        (found.code, found.pointer) for found in of_architecture(complete, shape, loss or CrossEntropy(), batch_size)
    ]


WIDE, ON = Linear(16), "/model/layers"
COLLAPSES = [("linear_stack_collapses", f"{ON}/1"), ("no_nonlinearity", ON)]
WRONG: dict[str, tuple[list[Layer], list[tuple[str, str]]]] = {
    "one hidden layer": ([WIDE], COLLAPSES),
    "three layers": ([WIDE, WIDE], COLLAPSES),
    "dropout between": ([WIDE, Dropout(0.5)], [("linear_stack_collapses", f"{ON}/2"), ("no_nonlinearity", ON)]),
    "batch norm between": ([WIDE, BatchNorm()], [("linear_stack_collapses", f"{ON}/2"), ("no_nonlinearity", ON)]),
    "a leak of all": ([WIDE, LeakyReLU(1.0)], [("linear_stack_collapses", f"{ON}/2"), ("no_nonlinearity", ON)]),
    "convolutions": ([Conv2d(3), AvgPool2d()], [("linear_stack_collapses", f"{ON}/2"), ("no_nonlinearity", ON)]),
    "two within": ([WIDE, ReLU(), WIDE, WIDE, ReLU()], [("linear_stack_collapses", f"{ON}/3")]),
    "within a residual": (
        [WIDE, ReLU(), Residual((WIDE, WIDE, ReLU())), ReLU()], [("linear_stack_collapses", f"{ON}/2/layers/1")]
    ),
    "three sigmoids": ([WIDE, Sigmoid()] * 3, [("saturating_depth", f"{ON}/5")]),
    "sigmoids in a block": ([Block((WIDE, Sigmoid()), 4)], [("saturating_depth", f"{ON}/0/layers/1")]),
    "ten times tanh": ([WIDE, Tanh()] * 10, [("saturating_depth", f"{ON}/19")]),
    "ten times relu": ([WIDE, ReLU()] * 10, [("shrinking_depth", f"{ON}/19")]),
    "relus around batch norm": (
        [*[WIDE, ReLU()] * 9, BatchNorm(), *[WIDE, ReLU()] * 10], [("shrinking_depth", f"{ON}/38")]
    ),
    "squares": (
        [WIDE, SquareActivation()] * 3,
        [("activation_overflows", f"{ON}/5"), *(("square_with_care", f"{ON}/{index}") for index in (1, 3, 5))],
    ),
    "relu twice": ([WIDE, ReLU(), ReLU()], [("activations_in_a_row", f"{ON}/2")]),
    "softmax within": ([WIDE, Softmax()], [("softmax_within", f"{ON}/1")]),
    "zeros": ([Linear(16, init="zeros"), ReLU()], [("symmetric_initialisation", f"{ON}/0/init")]),
    "wide weights": ([Linear(16, init=Normal(std=1.0)), ReLU()], [("initial_weights_unusual", f"{ON}/0/init/std")]),
    "narrow weights": ([Linear(16, init=Normal(std=1e-5)), ReLU()], [("initial_weights_unusual", f"{ON}/0/init/std")]),
    "much dropout": ([WIDE, ReLU(), Dropout(0.9)], [("dropout_unusual", f"{ON}/2/p")]),
    "dropout before batch norm": (
        [WIDE, ReLU(), Dropout(0.2), BatchNorm()], [("dropout_before_batch_norm", f"{ON}/2")]
    ),
    "long strides": ([Conv2d(4, 3, stride=5), ReLU()], [("window_skips_pixels", f"{ON}/0/stride")]),
    "pooled twice": ([Conv2d(4), ReLU(), MaxPool2d(), MaxPool2d()], [("pooled_twice", f"{ON}/3")]),
    "deep and plain": ([Linear(16, init="he"), ReLU()] * 21, [("deep_without_shortcuts", f"{ON}/40")]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_network_is_said_at_its_place_and_nothing_else(name: str) -> None:
    layers, expected = WRONG[name]
    assert said(layers) == expected


SOUND: dict[str, list[Layer]] = {
    "the output layer alone": [],
    "one hidden layer": [WIDE, ReLU()],
    "an output layer that is given": [WIDE, ReLU(), Linear(10)],
    "zeros in the output layer": [WIDE, ReLU(), Linear(10, init="zeros")],
    "two sigmoids": [WIDE, Sigmoid()] * 2,
    "sigmoids with batch norm": [WIDE, BatchNorm(), Sigmoid()] * 6,
    "sigmoids with layer norm": [WIDE, LayerNorm(), Sigmoid()] * 6,
    "deep with layer norm": [WIDE, ReLU(), *[WIDE, LayerNorm(), ReLU()] * 21],
    "sigmoids between relus": [WIDE, Sigmoid(), WIDE, ReLU()] * 3,
    "tanh with xavier": [Linear(16, init="xavier"), Tanh()] * 12,
    "deep with shortcuts": [WIDE, ReLU(), *[Residual((WIDE, ReLU(), WIDE)), ReLU()] * 15],
    "shortcuts without activations between": [WIDE, ReLU(), *[Residual((BatchNorm(), ReLU(), WIDE))] * 4, ReLU()],
    "zeros at a residual's end": [WIDE, ReLU(), Residual((WIDE, ReLU(), Linear(16, init="zeros"))), ReLU()],
    "he": [Linear(64, init="he"), ReLU()] * 5,
    "he by hand": [Linear(64, init=Normal(std=0.05)), ReLU()],
    "pooled": [Conv2d(8), ReLU(), MaxPool2d(), Conv2d(16, 1, stride=2), ReLU(), MaxPool2d()],
    "max pooling bends": [Conv2d(8), MaxPool2d()],
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND)
def test_of_a_sound_network_nothing_is_said(name: str) -> None:
    assert said(SOUND[name]) == []


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("lecture_classifier_as_written", "vgg16")])
def test_of_a_sound_preset_nothing_is_said(name: str) -> None:
    preset = PRESETS[name]
    loss: Loss = CrossEntropy() if preset.outputs > 1 else MSE()
    batch = preset.request.get("batch_size", 128)
    recipe = Recipe(
        with_output_layer(layers_from_json(preset.layers), preset.outputs),
        preset.input_shape,
        loss,
        optimizer_from_json(preset.request.get("optimizer", {"name": "adam"})),
        None if batch == "full" else batch,
        Stop(),
        seed=0,
    )
    assert warnings(recipe, train=12_000, normalise=preset.request.get("normalise", "unit")) == []


def test_what_a_preset_was_made_to_show_is_said() -> None:
    as_written = layers_from_json(PRESETS["lecture_classifier_as_written"].layers)
    assert said(as_written) == [("softmax_before_cross_entropy", f"{ON}/3")]
    vgg16 = PRESETS["vgg16"]
    assert said(layers_from_json(vgg16.layers), vgg16.input_shape, outputs=1000)[0][0] == "units_exceed_limit"


@pytest.mark.parametrize(
    ("last", "loss", "outputs", "code"),
    [
        (Softmax(), CrossEntropy(), 10, "softmax_before_cross_entropy"),
        (Sigmoid(), CrossEntropy(), 10, "sigmoid_before_cross_entropy"),
        (Sigmoid(), BinaryCrossEntropy(), 1, "sigmoid_before_binary_cross_entropy"),
        (Softmax(), BinaryCrossEntropy(), 1, "softmax_of_one"),
        (Sigmoid(), MSE(), 1, "output_bounded"),
        (Softmax(), MSE(), 1, "softmax_of_one"),
    ],
)
def test_what_is_squashed_before_the_loss_is_said(last: Layer, loss: Loss, outputs: int, code: str) -> None:
    layers = [WIDE, ReLU(), Linear(outputs), last]
    assert said(layers, loss=loss, outputs=outputs) == [(code, f"{ON}/3")]
    assert said(layers[:-1], loss=loss, outputs=outputs) == []


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("last", [ReLU(), Softmax(), Sigmoid()])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_floor_is_where_descent_comes_to_rest(last: Layer, smoothing: float, classes: int) -> None:
    """Descent on the outputs of one example; no network can reach a lower loss."""
    loss = CrossEntropy(label_smoothing=smoothing)
    squash = nn.Identity() if last.type == "relu" else last.module((classes,))
    z = torch.zeros(1, classes, dtype=torch.float64, requires_grad=True)
    descent = torch.optim.Adam([z], lr=0.2)
    for _ in range(300):
        descent.zero_grad()
        found = loss.function(squash(z), torch.tensor([1]))
        found.backward()  # type: ignore[no-untyped-call]
        descent.step()
    least = minimum_loss(last, loss, classes)
    assert least <= found.item() + 1e-9
    assert found.item() == pytest.approx(least, abs=0.01)


def test_the_lectures_floor() -> None:
    for classes, least in ((10, 1.4612), (2, 0.3133), (1000, 5.9095)):
        assert minimum_loss(Softmax(), CrossEntropy(), classes) == pytest.approx(least, abs=5e-5)
        assert minimum_loss(Softmax(), CrossEntropy(), classes) == pytest.approx(log(e + classes - 1) - 1)


def of_run(layers: list[Layer] | None = None, train: int = 1000, normalise: str | None = "unit",
           loss: Loss | None = None, **fields: Any) -> list[tuple[str, str]]:  # fmt: skip
    recipe = {"optimizer": Adam(), "batch_size": 128, "stop": Stop(), "seed": 0} | fields
    complete = with_output_layer([WIDE, ReLU()] if layers is None else layers, 10)
    found = warnings(Recipe(complete, PICTURE, loss or CrossEntropy(), **recipe), train, normalise)
    return [(warning.code, warning.pointer) for warning in found]


def test_what_is_wrong_with_a_recipe_is_said() -> None:
    assert of_run() == []
    assert of_run(batch_size=None) == of_run(batch_size=1000) == []
    assert of_run(batch_size=1001) == [("batch_larger_than_data", "/batch_size")]
    assert of_run(batch_size=100, accumulate=10) == []
    assert of_run(batch_size=100, accumulate=11) == [("batch_larger_than_data", "/accumulate")]
    for optimizer in (Adam(lr=1.0), Adam(lr=1e-9), SGD(lr=10.0)):
        assert of_run(optimizer=optimizer) == [("learning_rate_unusual", "/optimizer/lr")]
    fast: list[Layer] = [Linear(16, lr_factor=100.0), ReLU()]
    assert of_run(fast) == [("learning_rate_unusual", f"{ON}/0/lr_factor")]
    assert of_run(fast, optimizer=SGD(lr=0.01)) == []
    for schedule in (Cosine(warmup=160), OneCycle(warmup=10**6)):  # 20 epochs of 8 steps
        assert of_run(schedule=schedule) == [("warmup_longer_than_run", "/schedule/warmup")]
        assert of_run(schedule=schedule, stop=Stop(max_steps=10**7, max_epochs=None)) == []
        assert of_run(schedule=schedule, stop=Stop(max_seconds=9, max_epochs=None)) == []
    assert of_run(schedule=Cosine(warmup=159)) == []
    assert of_run(normalise="none") == [("inputs_not_normalised", "/normalise")]
    assert of_run([BatchNorm(), WIDE, ReLU()], normalise="none") == of_run(normalise=None) == []
    assert of_run([LayerNorm(), WIDE, ReLU()], normalise="none") == []


def test_bfloat16_is_slow_where_a_processor_emulates_it() -> None:
    old = {"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}
    assert [warning.pointer for warning in emulated_bfloat16("bf16", old)] == ["/precision"]
    assert not [*emulated_bfloat16("fp32", old), *emulated_bfloat16("bf16", {"architecture": "aarch64"})]
    for new in ("avx512_bf16", "amx_bf16"):
        assert not list(emulated_bfloat16("bf16", old | {new: True}))
    assert torch.cpu.get_capabilities()["architecture"] != "x86_64" or torch.cpu.get_capabilities().keys() >= old.keys()


def test_a_target_that_cannot_be_reached_is_said() -> None:
    unreachable = [("target_loss_unreachable", "/stop/target_loss")]
    squashed: list[Layer] = [WIDE, ReLU(), Linear(10), Softmax()]
    assert of_run(squashed, stop=Stop(target_loss=LossTarget(1.46)))[1:] == unreachable
    assert of_run(squashed, stop=Stop(target_loss=LossTarget(1.47)))[1:] == []
    assert of_run(stop=Stop(target_loss=LossTarget(0.01))) == []
    assert of_run(loss=CrossEntropy(label_smoothing=0.1), stop=Stop(target_loss=LossTarget(0.49))) == unreachable
    assert of_run(loss=CrossEntropy(label_smoothing=0.1), stop=Stop(target_loss=LossTarget(0.51))) == []


def test_batch_norm_wants_company() -> None:
    flat: list[Layer] = [WIDE, BatchNorm(), ReLU()]
    pictures: list[Layer] = [Conv2d(4), BatchNorm(), ReLU()]
    alone = [("batch_norm_small_batch", f"{ON}/1")]
    assert said(flat, batch_size=2) == said(pictures, batch_size=1) == alone
    assert said(flat, batch_size=3) == said(pictures, batch_size=2) == said(flat, batch_size=None) == []


STACKS: dict[str, tuple[list[Layer], Shape]] = {
    "the lecture's 2-3-2": ([Linear(3), Linear(2)], (2,)),
    "without bias": ([Linear(3, bias=False), Linear(2, bias=False)], (2,)),
    "batch norm between": ([Linear(7), Dropout(0.5), BatchNorm(), Linear(5), LeakyReLU(1.0), Linear(2)], (4,)),
    "behind a relu": ([Linear(6), ReLU(), Linear(5), Linear(3)], (4,)),
    "a residual between": ([Linear(4), Residual((Linear(5),)), Linear(3)], (4,)),
    "a block within a residual": ([Linear(4), Residual((Block((Linear(4),)),)), Linear(3)], (4,)),
    "within a residual": ([Linear(4), ReLU(), Residual((Linear(5), Linear(4), ReLU())), ReLU(), Linear(3)], (4,)),
    "convolutions": ([Conv2d(2), AvgPool2d(), Conv2d(3, stride=2), Linear(3)], (1, 6, 6)),
    "blocks": ([Block((Linear(5),), 3), Linear(2)], (4,)),
}  # fmt: skip


@pytest.mark.parametrize("at_once", [10, 2**22])  # numbers at once: single rows, or all of them
@pytest.mark.parametrize("name", STACKS)
def test_the_one_layer_has_the_outputs_of_the_stack(name: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains_module, "CHUNK", at_once)
    layers, shape = STACKS[name]
    torch.manual_seed(1)
    model = build(layers, shape)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d) and module.running_mean is not None and module.running_var is not None:
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    model.eval()
    pairs = zip(chains(rows(layers, shape)), modules_of_chains(model), strict=True)
    ((stack, parts),) = [
        (stack, parts[stack.start : stack.start + len(stack.chain)])
        for chain, parts in pairs
        for stack in stacks(chain)
    ]
    one = as_one_layer(parts, stack.shape)
    assert one.weight.numel() + one.bias.numel() == stack.numbers
    inputs = torch.randn(50, *stack.shape)
    with torch.no_grad():
        outputs = nn.Sequential(*parts)(inputs).flatten(1)
    torch.testing.assert_close(
        inputs.flatten(1).double() @ one.weight + one.bias, outputs.double(), rtol=1e-6, atol=1e-6
    )
    assert next(model.parameters()).dtype == torch.float32  # the network itself is unchanged


def test_every_code_is_described() -> None:
    source = "".join(path.read_text() for path in (ROOT / "app/insight/analysis").glob("*_rules.py"))
    codes = set(re.findall(r'Warning\(\s*f?"([^"]+)"', source))
    for kind, entry in LAYERS.items():
        codes |= {f"{kind}_before_cross_entropy"} if entry.probabilities else set()
        codes |= {f"{kind}_with_care"} if entry.caution else set()
        codes |= {entry.depth_limit.code} if entry.depth_limit else set()
    assert sorted(described_warnings()) == sorted(code for code in codes if "{" not in code)
