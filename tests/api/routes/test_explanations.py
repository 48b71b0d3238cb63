"""`explain=` of predictions: numbers and drawings of what speaks for a class."""

import io
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.support.served import serve
from tests.support.services import Template

GRAY = {"instances": [[100] * 784, [200] * 784]}


@pytest.fixture(scope="module")
def client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("explained") / "home") as client:
        serve(client, "run_pictures")
        serve(client, "run_table", "diabetes")
        yield client


def explained(client: TestClient, run: str, method: str, body: Any, **options: str) -> httpx.Response:
    return client.post("/predict", params={"run": run, "explain": method, "logits": "true"} | options, json=body)


def test_integrated_gradients_sum_to_the_difference_of_the_logit(client: TestClient) -> None:
    empty = client.post("/predict?run=run_pictures&logits=true", json={"instances": [[0] * 784]}).json()
    for target in ("3", "7"):
        answer = explained(client, "run_pictures", "integrated", GRAY, target=target).json()
        for saliency, prediction in zip(answer["saliency"], answer["predictions"], strict=True):
            assert saliency["target"] == target and np.shape(saliency["values"]) == (1, 28, 28)
            gained = prediction["logits"][int(target)] - empty["predictions"][0]["logits"][int(target)]
            assert np.sum(saliency["values"]) == pytest.approx(gained, rel=0.01, abs=1e-3)


def test_by_default_the_predicted_class_is_explained(client: TestClient) -> None:
    answer = explained(client, "run_pictures", "gradient", GRAY).json()
    assert [each["target"] for each in answer["saliency"]] == [each["label"] for each in answer["predictions"]]


def test_a_value_is_explained_without_a_class(client: TestClient) -> None:
    answer = explained(client, "run_table", "integrated", {"instances": [list(range(10))]}).json()
    assert answer["saliency"][0]["target"] is None and np.shape(answer["saliency"][0]["values"]) == (10,)


def test_a_picture_comes_back_drawn(client: TestClient) -> None:
    png = client.get("/datasets/digits/images/0.png").content
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    params = {"run": "run_pictures", "explain": "integrated", "fit": "true"}
    answer = client.post("/predict", params=params, content=png, headers=headers)
    assert answer.headers["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).size == (336, 336)


@pytest.mark.parametrize(
    ("body", "options", "code"),
    [
        ({"instances": [[0] * 784] * 17}, {}, "too_many_to_explain"),
        (GRAY, {"target": "Z"}, "no_such_class"),
    ],
)
def test_what_cannot_be_explained_is_refused(client: TestClient, body: Any, options: dict[str, str], code: str) -> None:
    answer = explained(client, "run_pictures", "gradient", body, **options)
    assert answer.status_code == 422 and answer.json()["code"] == code


def test_several_pictures_are_not_drawn(client: TestClient) -> None:
    params = {"run": "run_pictures", "explain": "gradient"}
    answer = client.post("/predict", params=params, json=GRAY, headers={"Accept": "image/png"})
    assert answer.status_code == 422 and answer.json()["code"] == "one_picture_drawn"
