"""Saliency: its sums, captum's numbers, and what happens to a prediction without the salient pixels."""

import math

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients, Saliency
from torch import Tensor

from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.insight.analysis.saliency import (
    Method,
    baseline,
    integrated_gradients,
    saliency,
    score_and_gradient,
)
from app.learning.data import Data
from app.learning.layers import Linear, ReLU, Sigmoid, Softmax
from app.learning.optimizers import Adam
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine, fit_border, fit_pictures
from app.learning.recipe import Recipe
from app.learning.serialization import Trained
from app.learning.stopping import Stop
from app.learning.training import Training
from tests.support.trained import untrained
from tests.support.training import CROSS_ENTROPY

LETTERS, COUNT = "ABCDEFGHIJ", 100


@pytest.fixture(scope="module")
def examples() -> Arrays:
    return BUILTIN["notmnist"].load()


@pytest.fixture(scope="module")
def pictures(examples: Arrays) -> Tensor:
    """A hundred letters that no training has seen."""
    return torch.from_numpy(examples.inputs[-COUNT:])


@pytest.fixture(scope="module")
def letters(examples: Arrays) -> Trained:
    """A network that has seen 3,000 letters three times."""
    inputs, targets = torch.from_numpy(examples.inputs), torch.from_numpy(examples.targets)
    train = torch.arange(3000)
    parts = {"train": train, "validation": train[:0], "test": train[:0]}
    prepare = fit_pictures("standard", inputs, train)
    layers, shape = [Linear(32), ReLU(), Linear(10)], (1, 28, 28)
    recipe = Recipe(layers, shape, CROSS_ENTROPY, Adam(), 64, Stop(max_epochs=3), 0)
    training = Training(recipe, Data(inputs, targets, parts, prepare, Affine()), torch.device("cpu"))
    for _ in training.steps():
        pass
    border = fit_border(inputs, train)
    return Trained(training.model, layers, shape, "classification", list(LETTERS), prepare, Affine(), border,
                   training.step, training.output_kind)  # fmt: skip


@pytest.mark.parametrize("target", range(10))
def test_integrated_gradients_sum_to_the_difference_between_the_scores(
    letters: Trained, pictures: Tensor, target: int
) -> None:
    for picture in pictures[:20].float():
        scores, _ = score_and_gradient(letters, torch.stack([baseline(letters), picture]), target)
        attributions = saliency(letters, picture, target, "integrated")
        cancelled = 0.001 * float(attributions.abs().sum())  # what is for the class and against it may be nearly equal
        assert float(attributions.sum()) == pytest.approx(float(scores[1] - scores[0]), rel=0.01, abs=cancelled)


def test_integrated_gradients_are_those_of_captum(letters: Trained, pictures: Tensor) -> None:
    start = baseline(letters)
    oracle = IntegratedGradients(lambda inputs: letters.model(letters.prepare_inputs.apply(inputs)))
    for target, picture in enumerate(pictures[:10].float()):
        ours = integrated_gradients(letters, picture, start, target, steps=50)
        theirs = oracle.attribute(picture[None], start[None], target, n_steps=50, method="gausslegendre")[0]
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_gradients_are_those_of_captum(letters: Trained, pictures: Tensor) -> None:
    oracle = Saliency(lambda inputs: letters.model(letters.prepare_inputs.apply(inputs)))
    for target, picture in enumerate(pictures[:10].float()):
        theirs = oracle.attribute(picture[None].requires_grad_(), target, abs=False)[0]
        torch.testing.assert_close(saliency(letters, picture, target, "gradient"), theirs, rtol=1e-5, atol=1e-7)


def deletion_curve(trained: Trained, picture: Tensor, target: int, order: Tensor) -> float:
    """Mean probability of the class while the pixels are replaced by the baseline's in this order: Petsiuk et al. 2018,
    https://arxiv.org/abs/1806.07421."""
    start, place = baseline(trained).flatten(), torch.empty_like(order)
    place[order] = torch.arange(len(order))
    deleted = place < torch.arange(0, len(order) + 1, 16)[:, None]
    left = torch.where(deleted, start, picture.flatten()).reshape(-1, *picture.shape)
    return float(trained.output_kind.probabilities(trained.outputs(left))[:, target].mean())


@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_letters_are_lost_sooner_without_their_salient_pixels_than_without_random_ones(
    letters: Trained, pictures: Tensor, method: Method
) -> None:
    numbers = torch.Generator().manual_seed(0)
    salient, random = [], []
    for picture in pictures.float():
        target = int(letters.outputs(picture[None]).argmax())
        importance = saliency(letters, picture, target, method).flatten()
        order = (importance if method == "integrated" else importance.abs()).argsort(descending=True)
        salient.append(deletion_curve(letters, picture, target, order))
        random.append(deletion_curve(letters, picture, target, torch.randperm(len(order), generator=numbers)))
    assert np.mean(salient) < 0.75 * np.mean(random)


TWO = ["no", "yes"]


@pytest.mark.parametrize(
    ("layers", "kind"),
    [
        ([Linear(1)], "binary logits"),
        ([Linear(1), Sigmoid()], "probabilities"),
        ([Linear(2), Softmax()], "probabilities"),
    ],
)
def test_what_speaks_for_one_of_two_classes_speaks_against_the_other(layers: list, kind: str) -> None:
    trained = untrained(layers, (5,), classes=TWO, output_kind=OutputKind(kind))  # type: ignore[arg-type]
    row = torch.rand(5)
    for method in ("gradient", "integrated"):
        for_it, against_it = (saliency(trained, row, target, method) for target in (1, 0))  # type: ignore[arg-type]
        assert for_it.any()
        torch.testing.assert_close(for_it, -against_it, rtol=1e-4, atol=1e-6)


def test_a_value_is_explained_in_the_units_of_the_target() -> None:
    scaled = {"prepare_inputs": Affine((1.0,) * 5, (4.0,) * 5), "prepare_targets": Affine((10.0,), (2.0,))}
    about = {"task": "regression", "classes": [], "output_kind": OutputKind("values")}
    trained = untrained([Linear(1)], (5,), **about, **scaled)
    row = torch.rand(5)
    weights = trained.model[0].weight.detach()[0]  # type: ignore[index]
    torch.testing.assert_close(saliency(trained, row, 0, "gradient"), weights * 2 / 4)
    torch.testing.assert_close(saliency(trained, row, 0, "integrated"), (row - 1) * weights * 2 / 4)


@pytest.mark.parametrize("method", ["gradient", "integrated"])
def test_a_missing_number_is_explained_as_what_takes_its_place(method: Method) -> None:
    trained = untrained([Linear(3)], (5,), prepare_inputs=Affine((1.0,) * 5, (4.0,) * 5, fill=(7.0,) * 5))
    row = torch.rand(5)
    missing, filled = row.clone(), row.clone()
    missing[2], filled[2] = math.nan, 7.0
    torch.testing.assert_close(saliency(trained, missing, 1, method), saliency(trained, filled, 1, method))
