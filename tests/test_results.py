"""Results of the presets with their own recipes, on built-in datasets."""

import os
import statistics
from collections.abc import Iterator

import pytest
import torch

from bench.store import Store, store

CPU = torch.device("cpu")
pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]
SEEDS = int(os.environ.get("RESULT_SEEDS", "1"))  # `make results` uses three: convolutions take long


@pytest.fixture(scope="module")
def found() -> Iterator[Store]:
    with store() as found:
        yield found


def on_test(found: Store, dataset: str, preset: str, seed: int, **changes: object) -> dict[str, float]:
    """The test metrics at the end of a run."""
    request = found.resolved({"dataset": dataset, "model": {"preset": preset}, "seed": seed} | changes)
    training = found.training(request, CPU)
    for _ in training.steps():
        pass
    return training.measure("test", model=training.served()[0])["test"]


def test_the_mlp_knows_91_of_100_letters(found: Store) -> None:
    accuracies = [on_test(found, "notmnist", "mlp", seed)["accuracy"] for seed in range(SEEDS)]
    assert statistics.mean(accuracies) >= 0.91, accuracies


def test_the_small_vgg_knows_94_of_100_letters_after_ten_epochs(found: Store) -> None:
    accuracies = [on_test(found, "notmnist", "vgg_small", seed)["accuracy"] for seed in range(SEEDS)]
    assert statistics.mean(accuracies) >= 0.94, accuracies


@pytest.mark.skipif(SEEDS < 3, reason="one seed says nothing; make results takes three")
def test_bfloat16_costs_the_small_vgg_nothing(found: Store) -> None:
    fp32, bf16 = (
        [on_test(found, "notmnist", "vgg_small", seed, precision=kind)["accuracy"] for seed in range(SEEDS)]
        for kind in ("fp32", "bf16")
    )
    assert statistics.mean(bf16) >= statistics.mean(fp32) - 0.005, (fp32, bf16)  # seeds differ as much


def test_the_lectures_regressor_does_better_than_the_mean(found: Store) -> None:
    assert on_test(found, "diabetes", "lecture_regressor", 0)["mse"] < 4000  # a constant prediction has about 5,200
