"""Outputs and metrics, compared with arithmetic, numpy and the lecture's numbers."""

import math
from typing import Any

import numpy as np
import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.learning.data import Data
from app.learning.evaluation import calibration, classification, evaluate, measure, r2, roc_auc, top_k_accuracy, zeros
from app.learning.layers import Linear, ReLU, Sigmoid, Softmax
from app.learning.losses import MSE, BinaryCrossEntropy, CrossEntropy
from app.learning.outputs import OutputKind, output_kind
from app.learning.preprocessing import Affine

NUMBERS = st.lists(st.floats(-1e3, 1e3, width=32), min_size=2, max_size=20)
LOGITS, BINARY, PROBABILITIES = OutputKind("logits"), OutputKind("binary logits"), OutputKind("probabilities")
CPU = torch.device("cpu")


def test_the_outputs_mean_what_the_loss_and_the_last_layer_say() -> None:
    assert output_kind([Linear(3)], CrossEntropy()) == LOGITS
    assert output_kind([Linear(3), Softmax()], CrossEntropy()) == PROBABILITIES
    assert (
        output_kind([Linear(2), Sigmoid()], CrossEntropy()) == LOGITS
    )  # two sigmoids are not the probabilities of two classes
    assert output_kind([Linear(1)], BinaryCrossEntropy(threshold=0.3)) == OutputKind("binary logits", 0.3)
    assert output_kind([ReLU(), Linear(1), Sigmoid()], BinaryCrossEntropy()) == PROBABILITIES
    assert output_kind([Linear(1)], MSE()).kind == "values"


@pytest.mark.parametrize("classes", [2, 10, 1000])
@pytest.mark.parametrize("size", [1.0, 1e4])
def test_probabilities_sum_to_one_and_stay_finite_for_large_logits(classes: int, size: float) -> None:
    logits = size * torch.randn(50, classes, generator=torch.Generator().manual_seed(0)).clamp(-1, 1)
    for outputs, kind in ((logits, LOGITS), (logits[:, :1], BINARY), (logits.softmax(1), PROBABILITIES),
                          (logits[:, :1].sigmoid(), PROBABILITIES)):  # fmt: skip
        found = kind.probabilities(outputs)
        assert found.isfinite().all() and (found >= 0).all() and found.shape == (50, max(2, outputs.shape[1]))
        assert (found.sum(1) - 1).abs().max() < 1e-6


def test_neither_softmax_nor_sigmoid_is_applied_twice() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    once = logits.softmax(1).double()
    torch.testing.assert_close(PROBABILITIES.probabilities(logits.softmax(1)), once, rtol=1e-6, atol=0)
    torch.testing.assert_close(LOGITS.probabilities(logits), once, rtol=1e-6, atol=0)
    second = logits[:, :1].sigmoid()
    for found in (BINARY.probabilities(logits[:, :1]), PROBABILITIES.probabilities(second)):
        torch.testing.assert_close(found[:, 1:], second.double(), rtol=1e-6, atol=0)


def test_the_second_class_is_predicted_from_the_threshold_on() -> None:
    chances = torch.tensor([[0.1], [0.3], [0.5], [0.9]], dtype=torch.float64)
    for threshold, labels in ((0.05, [1, 1, 1, 1]), (0.4, [0, 0, 1, 1]), (0.5, [0, 0, 1, 1]), (0.95, [0, 0, 0, 0])):
        assert OutputKind("probabilities", threshold).labels(chances).tolist() == labels
        assert OutputKind("binary logits", threshold).labels(chances.logit() + 1e-12).tolist() == labels


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), examples=st.integers(1, 60), classes=st.integers(4, 7))
def test_top_k_counts_the_examples_whose_class_is_among_the_k_most_probable(
    seed: int, examples: int, classes: int
) -> None:
    numbers = np.random.default_rng(seed)
    chances, targets = numbers.dirichlet(np.ones(classes), examples), numbers.integers(0, classes, examples)
    for k in (1, 3):
        expected = np.mean([t in np.argsort(-row)[:k] for row, t in zip(chances, targets, strict=True)])
        found = top_k_accuracy(torch.from_numpy(chances), torch.from_numpy(targets), k)
        assert found == pytest.approx(expected)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), examples=st.integers(2, 40))
def test_roc_auc_is_the_chance_to_rank_a_pair_right(seed: int, examples: int) -> None:
    numbers = np.random.default_rng(seed)
    chances, targets = numbers.random(examples).round(1), np.arange(examples) % 2
    pairs = [(a > b) + (a == b) / 2 for a in chances[targets == 1] for b in chances[targets == 0]]
    assert roc_auc(torch.from_numpy(chances), torch.from_numpy(targets)) == pytest.approx(np.mean(pairs))
    assert math.isnan(roc_auc(torch.from_numpy(chances), torch.ones(examples)))  # undefined for a single class


def test_calibration_is_how_far_the_probabilities_are_from_the_shares_that_are_right() -> None:
    # 10 with confidence 0.9, 8 of them right: 0.1 off; 30 with 0.6, 15 right: 0.1 off; 10 with 1, all right
    confidence = torch.tensor([0.9] * 10 + [0.6] * 30 + [1.0] * 10, dtype=torch.float64)
    right = torch.tensor([1] * 8 + [0] * 2 + [1, 0] * 15 + [1] * 10).bool()
    found = calibration(confidence, right)
    assert found["ece"] == pytest.approx(0.2 * 0.1 + 0.6 * 0.1)
    assert len(found["bins"]) == 15 and sum(item["examples"] for item in found["bins"]) == 50
    for item in found["bins"]:
        sure = item["confidence"]
        assert (item["examples"] == 0) if sure is None else (item["from"] < sure <= item["to"])
    assert found["bins"][0]["from"] == 0 and found["bins"][-1]["to"] == 1


def test_a_classification_is_evaluated_whole() -> None:
    outputs = torch.tensor([[5.0, 0, 0, 0], [0, 3, 0, 0], [4, 0, 1, 0], [0, 0, 0, 2.0], [0, 9, 1, 0]])
    targets = torch.tensor([0, 1, 2, 3, 3])
    found = classification(outputs, targets, torch.tensor([10, 11, 12, 13, 14]), LOGITS, list("ABCD"))
    assert found["accuracy"] == 0.6 and list(found["top_k_accuracy"]) == ["3"] and found["roc_auc"] is None
    assert found["macro"]["recall"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert found["macro"]["precision"] == pytest.approx((0.5 + 0.5 + 0 + 1) / 4)
    assert [(m["index"], m["label"], m["predicted"]) for m in found["most_confused"]] == [
        (14, "D", "B"),
        (12, "C", "A"),
    ]
    two = classification(
        torch.tensor([[-2.0], [1.0], [3.0]]), torch.tensor([0, 0, 1]), torch.arange(3), BINARY, ["A", "B"]
    )
    assert two["roc_auc"] == 1 and two["top_k_accuracy"] == {} and two["accuracy"] == pytest.approx(2 / 3)
    assert two["confusion_matrix"] == [[1, 1], [0, 1]]


@pytest.mark.parametrize(("kind", "outputs"), [(LOGITS, 6), (LOGITS, 2), (BINARY, 1), (PROBABILITIES, 6)])
def test_a_network_that_answers_nan_is_evaluated_too(kind: OutputKind, outputs: int) -> None:
    classes = list("ABCDEF")[: max(2, outputs)]
    nan = torch.full((4, outputs), math.nan)
    found = classification(nan, torch.tensor([0, 1, 0, 1]), torch.arange(4), kind, classes)
    assert math.isnan(found["calibration"]["ece"])
    assert all(math.isnan(value) for value in found["top_k_accuracy"].values())
    assert len(classes) > 2 or math.isnan(found["roc_auc"])


@settings(max_examples=20)
@given(seed=st.integers(0, 10**6), mistakes=st.integers(0, 30))
def test_of_the_mistakes_the_ten_most_confident_are_kept(seed: int, mistakes: int) -> None:
    numbers = np.random.default_rng(seed)
    sure = numbers.permutation(np.linspace(0.55, 0.95, 40))  # confidence in the second class, for each example
    targets = torch.tensor([0] * mistakes + [1] * (40 - mistakes))
    chances = torch.tensor(np.stack([1 - sure, sure], 1))
    found = classification(chances, targets, torch.arange(100, 140), PROBABILITIES, ["A", "B"])["most_confused"]
    worst = sorted(range(mistakes), key=lambda k: -sure[k])
    assert len(found) == min(mistakes, 10)
    assert [(mistake["index"], mistake["probability"]) for mistake in found] == [(100 + k, sure[k]) for k in worst[:10]]


def regression_of(predicted: list[float], targets: list[float]) -> dict:
    """The evaluation of these predictions, in the target's units."""
    guess, y = torch.tensor(predicted, dtype=torch.float64), torch.tensor(targets, dtype=torch.float64)
    none = torch.arange(0)
    parts: Any = {"train": torch.arange(len(y)), "validation": none, "test": none}
    data = Data(guess[:, None], y, parts, Affine(), Affine())
    return evaluate(torch.nn.Identity(), data, "train", OutputKind("values"), [], CPU)


def scaled(factor: float) -> dict:
    """The evaluation of predictions that are a multiple of the targets."""
    y = torch.linspace(1, 20, 40).tolist()
    return regression_of([factor * value for value in y], y)


def test_mape_by_the_prediction_flatters_what_is_too_large() -> None:
    found = scaled(10)
    assert found["mape"] == pytest.approx(9.0, rel=1e-6) and found["mape_lecture"] == pytest.approx(0.9, rel=1e-6)
    assert scaled(1e6)["mape_lecture"] == pytest.approx(1.0, abs=1e-5)
    assert scaled(0.5)["mape"] == pytest.approx(0.5) and scaled(0.5)["mape_lecture"] == pytest.approx(1.0)
    assert found["mape_clamp"] == found["mape_lecture_clamp"] == 1e-8
    assert math.isnan(scaled(math.nan)["mape_lecture"])


def test_an_error_is_no_fraction_of_a_target_of_0() -> None:
    target = regression_of([3.0, 2.0], [0.0, 4.0])  # |3 − 0| / 3 and |2 − 4| / 2 in the lecture's form
    assert target["mape"] is None and zeros(torch.tensor([0.0, 4.0, -1e-9])) == 2
    assert target["mape_lecture"] == pytest.approx(1.0, rel=1e-12)
    prediction = regression_of([0.0, -2.0], [5.0, -4.0])  # |0 − 5| / 5 and |−2 + 4| / 4, or 5 / 1e-8 and 2 / 2
    assert prediction["mape"] == pytest.approx((1 + 0.5) / 2, rel=1e-12)
    assert prediction["mape_lecture"] == pytest.approx((5e8 + 1) / 2, rel=1e-12)
    both = regression_of([0.0], [0.0])
    assert both["mape"] is None and both["mape_lecture"] == 0


@given(NUMBERS, NUMBERS)
def test_mse_mae_and_mape_are_those_of_scikit_learn(predicted: list[float], targets: list[float]) -> None:
    size = min(len(predicted), len(targets))
    y = [value if abs(value) > 1e-8 else 1.0 for value in targets[:size]]  # scikit-learn has a different clamp
    guess = [value if abs(value) > 1e-8 else 1.0 for value in predicted[:size]]
    found = regression_of(guess, y)
    assert found["mse"] == pytest.approx(sklearn.metrics.mean_squared_error(y, guess), rel=1e-9)
    assert found["mae"] == pytest.approx(sklearn.metrics.mean_absolute_error(y, guess), rel=1e-9)
    assert found["mape"] == pytest.approx(sklearn.metrics.mean_absolute_percentage_error(y, guess), rel=1e-9)
    # The lecture's form equals the other one with target and prediction exchanged.
    swapped = sklearn.metrics.mean_absolute_percentage_error(guess, y)
    assert found["mape_lecture"] == pytest.approx(swapped, rel=1e-9)


@given(NUMBERS, NUMBERS)
def test_r2_is_that_of_scikit_learn(predicted: list[float], targets: list[float]) -> None:
    size = min(len(predicted), len(targets))
    guess, y = predicted[:size], targets[:size]
    found = r2(torch.tensor(guess, dtype=torch.float64), torch.tensor(y, dtype=torch.float64))
    assert found == pytest.approx(sklearn.metrics.r2_score(y, guess), rel=1e-9)


def test_r2_of_a_constant_target_and_of_one_example() -> None:
    same = torch.full((3,), 2.0, dtype=torch.float64)
    assert (r2(same, same), r2(same + 1, same)) == (1.0, 0.0)
    assert math.isnan(r2(same[:1], same[:1]))


@given(st.lists(st.floats(1, 1e6, width=32), min_size=1, max_size=20), st.integers(0, 3))
def test_targets_of_0_are_counted_though_scaling_moves_them(others: list[float], none: int) -> None:
    y = torch.tensor([0.0] * none + others)
    scaled = Affine((float(y.mean()),), (max(1e-3, float(y.std(correction=0))),))
    parts: Any = {"train": torch.arange(len(y)), "validation": torch.arange(0), "test": torch.arange(0)}
    data = Data(y[:, None], y, parts, Affine(), scaled)
    found = evaluate(torch.nn.Identity(), data, "train", OutputKind("values"), [], CPU)
    assert found["zero_targets"] == none and (found["mape"] is None) == (none > 0)
    assert (measure(torch.nn.Identity(), data, "train", MSE(), OutputKind("values"), CPU)["mape"] is None) == (none > 0)
