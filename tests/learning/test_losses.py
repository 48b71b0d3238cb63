"""Each loss against its definition, autograd and scikit-learn, with every option."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from torch import Tensor

from app.learning.data import Data
from app.learning.layers import Linear, Softmax
from app.learning.losses import (
    LOSSES,
    MAE,
    MSE,
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    Loss,
    loss_from_json,
    loss_to_json,
)
from app.learning.optimizers import SGD
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training

CLASSES = 4
WEIGHTS = (0.5, 2.0, 1.0, 3.5)
OPTIONS: list[Loss] = [
    loss
    for reduction in ("mean", "sum")
    for loss in (
        CrossEntropy(reduction=reduction),
        CrossEntropy(label_smoothing=0.1, reduction=reduction),
        CrossEntropy(class_weights=WEIGHTS, reduction=reduction),
        CrossEntropy(label_smoothing=0.3, class_weights=WEIGHTS, reduction=reduction),
        BinaryCrossEntropy(reduction=reduction),
        MSE(reduction=reduction),
        MAE(reduction=reduction),
        Huber(reduction=reduction),
        Huber(delta=0.3, reduction=reduction),
    )
]


def targets_for(loss: Loss, examples: int, numbers: torch.Generator) -> Tensor:
    if loss.task == "regression":
        return torch.randn(examples, generator=numbers, dtype=torch.float64)
    classes = CLASSES if isinstance(loss, CrossEntropy) else 2
    return torch.randint(classes, (examples,), generator=numbers)


def test_every_loss_is_tested_with_its_options() -> None:
    assert {type(loss) for loss in OPTIONS} == set(LOSSES.values())


@pytest.mark.parametrize("entry", LOSSES.values(), ids=LOSSES)
def test_every_loss_says_what_it_is_good_and_bad_for(entry: type[Loss]) -> None:
    assert entry.__doc__ and "L = " in entry.formula and entry.gradient_formula.startswith("∂L/∂")
    assert entry.input == ("values" if entry.task == "regression" else "logits")
    assert all(isinstance(texts, tuple) and all(texts) and texts for texts in (entry.advantages, entry.drawbacks))


@pytest.mark.parametrize("examples", [1, 2, 17])
@pytest.mark.parametrize("loss", OPTIONS, ids=str)
def test_the_gradient_by_hand_is_autograds(loss: Loss, examples: int) -> None:
    numbers = torch.Generator().manual_seed(examples)
    targets = targets_for(loss, examples, numbers)
    outputs = 3 * torch.randn(examples, loss.outputs(CLASSES), generator=numbers, dtype=torch.float64)
    outputs.requires_grad_()
    (expected,) = torch.autograd.grad(loss.function(outputs, targets), outputs)
    with torch.no_grad():
        torch.testing.assert_close(loss.gradient(outputs, targets), expected, rtol=1e-12, atol=1e-12)
        gradient = torch.empty_like(outputs)
        value = loss.with_gradient(outputs, targets, gradient)
        assert float(value) == pytest.approx(float(loss.function(outputs, targets)), rel=1e-12)
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


def test_each_is_what_its_formula_says() -> None:
    z = torch.tensor([[0.3, -1.0, 2.0], [1.0, 0.5, -0.5]], dtype=torch.float64)
    y = torch.tensor([2, 1])
    p = z.exp() / z.exp().sum(1, keepdim=True)
    right = F.one_hot(y, 3)
    assert float(CrossEntropy().function(z, y)) == pytest.approx(log_loss(y, p, labels=[0, 1, 2]), abs=1e-12)
    epsilon, w = 0.2, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    q = w[y][:, None] * (1 - epsilon) * right + w * epsilon / 3
    weighted = CrossEntropy(epsilon, (1.0, 2.0, 3.0), "sum").function(z, y)
    assert float(weighted) == pytest.approx(float(-(q * p.log()).sum()), abs=1e-12)

    logit, label = torch.tensor([[0.7], [-1.2]], dtype=torch.float64), torch.tensor([1, 0])
    binary = float(BinaryCrossEntropy().function(logit, label))
    assert binary == pytest.approx(log_loss(label, logit.sigmoid()[:, 0]), abs=1e-12)

    guess, y = torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([1.5, 2.0, 2.0])  # errors −0.5, 0, 3
    values = {MSE(): 9.25 / 3, MSE("sum"): 9.25, MAE(): 3.5 / 3, MAE("sum"): 3.5}
    values |= {Huber(): (0.125 + 2.5) / 3, Huber(2.0, "sum"): 0.125 + 4.0}
    for loss, value in values.items():
        assert float(loss.function(guess, y)) == pytest.approx(value)


@pytest.mark.parametrize("loss", [loss for loss in OPTIONS if loss.outputs(CLASSES) == 1], ids=str)
@pytest.mark.parametrize(
    ("outputs", "targets"),
    [((5,), (5,)), ((5, 1), (5, 1)), ((5, 2), (5,)), ((5, 1), (4,)), ((1, 1), (5,)), ((1, 5), (5,))]
)  # fmt: skip
def test_shapes_that_would_broadcast_are_refused(
    loss: Loss, outputs: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    for work in (loss.function, loss.gradient):
        with pytest.raises(ValueError, match="targets of shape"):
            work(torch.zeros(outputs), torch.zeros(targets))


@pytest.mark.parametrize(("outputs", "targets"), [((5,), (5,)), ((5, 3), (4,)), ((5, 3), (5, 3)), ((1, 3), (5,))])
def test_cross_entropy_refuses_other_shapes_too(outputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    for work in (CrossEntropy().function, CrossEntropy().gradient):
        with pytest.raises(ValueError, match="cross_entropy needs"):
            work(torch.zeros(outputs), torch.zeros(targets, dtype=torch.int64))


@pytest.mark.parametrize("loss", OPTIONS, ids=str)
@settings(max_examples=20)
@given(seed=st.integers(0, 1000), examples=st.integers(1, 30))
def test_no_constant_prediction_is_better_than_the_best(loss: Loss, seed: int, examples: int) -> None:
    numbers = torch.Generator().manual_seed(seed)
    targets = targets_for(loss, examples, numbers)
    batch = 8
    scale = batch / examples if loss.reduction == "sum" else 1
    best = loss.baseline_loss(targets, batch, loss.outputs(CLASSES))
    for _ in range(5):
        constant = torch.randn(1, loss.outputs(CLASSES), generator=numbers, dtype=torch.float64)
        outputs = constant.expand(examples, -1)
        assert float(loss.function(outputs, targets)) * scale >= best - 1e-9


@pytest.mark.parametrize("loss", OPTIONS, ids=str)
def test_the_best_constant_scores_what_descending_to_it_finds(loss: Loss) -> None:
    numbers = torch.Generator().manual_seed(5)
    targets = targets_for(loss, 40, numbers)
    constant = torch.zeros(1, loss.outputs(CLASSES), dtype=torch.float64, requires_grad=True)
    search = torch.optim.LBFGS([constant], max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

    def closure() -> Tensor:
        search.zero_grad()
        value = loss.function(constant.expand(40, -1), targets)
        value.backward()
        return value

    search.step(closure)
    found = float(closure().detach()) * (10 / 40 if loss.reduction == "sum" else 1)
    best = loss.baseline_loss(targets, 10, loss.outputs(CLASSES))
    assert best == pytest.approx(found, rel=1e-3 if isinstance(loss, MAE) else 1e-6)


def test_a_class_without_examples_is_smoothed_towards_too() -> None:
    targets = torch.tensor([0, 0, 1, 1])
    wanted = torch.tensor([0.45, 0.45, 0.1], dtype=torch.float64)  # 0.7 for the label, 0.3 shared by all three
    found = CrossEntropy(label_smoothing=0.3).baseline_loss(targets, 4, 3)
    assert found == pytest.approx(float(torch.special.entr(wanted).sum()))


def test_one_class_alone_needs_no_bits() -> None:
    for loss in (CrossEntropy(), BinaryCrossEntropy()):
        for label in (0, 1):
            assert loss.baseline_loss(torch.full((7,), label), 7, loss.outputs(2)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", [CrossEntropy(), BinaryCrossEntropy()], ids=lambda loss: loss.name)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_large_logits_give_finite_losses_and_gradients(loss: Loss, size: float) -> None:
    outputs = torch.zeros(2, loss.outputs(2))
    outputs[:, -1] = size
    targets = torch.tensor([0, 1])
    assert float(loss.function(outputs, targets)) == pytest.approx(5000)
    assert loss.gradient(outputs, targets).isfinite().all()


@pytest.mark.parametrize("loss", OPTIONS, ids=str)
def test_a_loss_is_stored_with_its_fields_and_read_back(loss: Loss) -> None:
    assert loss_from_json(loss_to_json(loss)) == loss
    assert loss_from_json(loss.name) == LOSSES[loss.name]()  # requests of older versions


@pytest.mark.parametrize("classes", [2, 10, 1000])
def test_a_perfect_softmax_before_cross_entropy_stays_on_its_floor(classes: int) -> None:
    floor = math.log(math.e + classes - 1) - 1
    assert floor == pytest.approx({2: 0.3133, 10: 1.4612, 1000: 5.9095}[classes], abs=5e-5)
    targets = torch.arange(classes)
    sure = (1e4 * F.one_hot(targets)).double().softmax(1)
    assert float(CrossEntropy().function(sure, targets)) == pytest.approx(floor, abs=1e-12)


def sum_against_mean(loss: str, lr: float, batch_size: int | None) -> list[Tensor]:
    """A training's final parameters with the mean, and with the sum and a correspondingly smaller learning rate."""
    numbers = torch.Generator().manual_seed(0)
    targets = targets_for(LOSSES[loss](), 20, numbers)
    targets = targets if targets.dtype == torch.int64 else targets.float()
    empty = torch.tensor([], dtype=torch.int64)
    data = Data(torch.randn(20, 3, generator=numbers), targets, {"train": torch.arange(20), "validation": empty,
                "test": empty}, Affine(), Affine())  # fmt: skip
    found = []
    for reduction, rate in (("mean", lr), ("sum", lr / (batch_size or 20))):
        entry = loss_from_json({"name": loss, "reduction": reduction})
        layers = [Linear(entry.outputs(CLASSES))]
        run = Training(Recipe(layers, (3,), entry, SGD(rate), batch_size, Stop(), seed=1), data, torch.device("cpu"))
        for _ in run.steps():
            pass
        assert run.stop_reason == "max_epochs"  # a sum is not a divergence
        found.append(torch.cat([parameter.detach().flatten() for parameter in run.model.parameters()]))
    return found


@pytest.mark.parametrize("batch_size", [5, None])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_sum_is_the_mean_with_a_batch_times_the_learning_rate(loss: str, batch_size: int | None) -> None:
    mean, total = sum_against_mean(loss, 0.1, batch_size)
    torch.testing.assert_close(mean, total, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_of_one_is_learnt_from(loss: str) -> None:
    mean, total = sum_against_mean(loss, 0.01, 1)
    assert mean.isfinite().all() and torch.equal(mean, total)


@pytest.mark.long
@pytest.mark.parametrize(("outputs", "floor"), [(2, 0.3133), (10, 1.4612)])
def test_a_full_batch_double_softmax_comes_down_to_its_floor_and_no_further(outputs: int, floor: float) -> None:
    numbers = np.random.default_rng(0)
    centres = 10 * np.eye(outputs, 20)
    targets = np.arange(400) % outputs
    inputs = torch.tensor(centres[targets] + numbers.normal(size=(400, 20)), dtype=torch.float32)
    parts = {"train": torch.arange(400), "validation": torch.arange(0), "test": torch.arange(0)}
    data = Data(inputs, torch.from_numpy(targets), parts, Affine(), Affine())
    recipe = Recipe([Linear(outputs), Softmax()], (20,), CrossEntropy(), SGD(0.5), None, Stop(max_epochs=5000), seed=0)
    losses = [step.loss for step in Training(recipe, data, torch.device("cpu")).steps()]
    assert floor - 5e-5 <= losses[-1] < floor + 5e-3
