"""Preprocessing of a prediction equals that of the training, and the answer can describe it."""

import io

import numpy as np
import pytest
import torch
from fastapi.testclient import TestClient
from PIL import Image, ImageOps

from app.api.schemas.predict import LabelPrediction
from app.learning.layers import Linear
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.serialization import Trained, from_safetensors
from app.serving.predictor import Predictor
from app.storage import runs
from app.storage.files import Files
from tests.support.fork_server import Forked
from tests.support.runs import SMALL, ended, queue
from tests.support.services import Service

PNG = {"Content-Type": "image/png"}


@pytest.fixture
def run(client: TestClient, worker: Forked) -> str:
    found = queue(client, SMALL | {"normalise": "unit"})
    assert ended(client, found)["status"] == "succeeded"
    return found


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def test_a_picture_in_negative_is_recognised_when_it_is_said_so(client: TestClient, run: str) -> None:
    as_trained = client.get("/datasets/digits/images/3.png").content
    negative = png(ImageOps.invert(Image.open(io.BytesIO(as_trained))))

    def asked(picture: bytes, invert: str) -> tuple[list[dict], list[bool]]:
        params = {"run": run, "invert": invert, "explain": "preprocessing"}
        answer = client.post("/predict", params=params, content=picture, headers=PNG).json()
        return answer["predictions"], answer["preprocessing"]["inverted"]

    right, untouched = asked(as_trained, "false")
    assert untouched == [False]
    assert asked(negative, "false")[0] != right
    assert asked(negative, "true") == (right, [True])
    assert asked(negative, "auto") == (right, [True])
    assert asked(as_trained, "auto") == (right, [False])
    assert client.post("/predict", params={"invert": "maybe"}, content=negative, headers=PNG).status_code == 422


def test_the_preprocessing_is_named_when_asked_for_and_gives_the_same_by_hand(
    client: TestClient, run: str, service: Service
) -> None:
    picture = client.get("/datasets/digits/images/5.png").content
    params = {"run": run, "logits": "true"}
    assert client.post("/predict", params=params, content=picture, headers=PNG).json()["preprocessing"] is None
    named = client.post("/predict", params=params | {"explain": "preprocessing"}, content=picture, headers=PNG).json()
    found = named["preprocessing"]
    assert (found["input_shape"], found["shift"], found["scale"]) == ([1, 28, 28], [0.0], [255.0])

    database = service.database
    files: Files = service.files
    with database.read() as db:
        weights = runs.weights(db, run).weights
    assert weights is not None
    pixels = torch.from_numpy(np.array(Image.open(io.BytesIO(picture)), np.float32))[None, None]
    model = from_safetensors(files.read(weights)).model
    by_hand = model((pixels - found["shift"][0]) / found["scale"][0])[0].tolist()
    assert named["predictions"][0]["logits"] == pytest.approx(by_hand, rel=1e-5, abs=1e-6)


def test_a_network_that_diverged_says_so_and_guesses_nothing(client: TestClient, worker: Forked) -> None:
    run = queue(client, SMALL | {"optimizer": {"name": "sgd", "lr": 1e9}, "stop": {"max_epochs": 50}})
    assert ended(client, run)["stop_reason"] == "diverged"
    answer = client.post("/predict", params={"run": run}, json={"instances": [[255] * 784]})
    assert answer.status_code == 409 and "diverged" in answer.json()["detail"]


@pytest.mark.parametrize("classes", [2, 10, 100])
@pytest.mark.parametrize("top", ["1", "3", "all"])
def test_of_classes_that_are_equally_probable_the_label_comes_first(classes: int, top: str) -> None:
    names = [str(k) for k in range(classes)]
    layer = torch.nn.Linear(4, classes, bias=False)
    network = Trained(
        layer, [Linear(classes)], (4,), "classification", names, Affine(), Affine(), None, 1, OutputKind("logits")
    )
    zero, one = torch.zeros(1, 4), torch.ones(1, 4)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(classes)[:, None] // 2)  # the largest occurs twice, or once if odd
    for inputs in (zero, one):
        predictor = Predictor(network)
        (row,) = predictor.predict(inputs.numpy())
        written = predictor.write.json(row, None if top == "all" else int(top), logits=False)
        found = LabelPrediction.model_validate_json(written)
        assert found.top[0].label == found.label
        assert found.top[0].probability == found.probability
        assert len(found.top) == (classes if top == "all" else min(int(top), classes))
