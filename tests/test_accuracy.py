"""The defaults train well: the mean over seeds, with the whole service."""

import os
import statistics

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.support.runs import ended
from tests.support.workers import Workers

SEEDS = int(os.environ.get("ACCURACY_SEEDS", "5"))


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)


@pytest.mark.long
@pytest.mark.parametrize(("dataset", "wanted"), [("notmnist", 0.895), ("digits", 0.95)])
def test_the_defaults_train_well(client: TestClient, workers: Workers, dataset: str, wanted: float) -> None:
    workers.start(checkpoint=5)
    runs = [client.post("/runs", json={"dataset": dataset, "seed": seed}).json()["id"] for seed in range(SEEDS)]
    found = [ended(client, run)["metrics"]["test"]["accuracy"] for run in runs]
    assert statistics.mean(found) >= wanted, found
