"""A network of letters reads photos of letters."""

import pytest
from fastapi.testclient import TestClient

from tests.support.photos import photo
from tests.support.runs import ended
from tests.support.workers import Workers

PHOTOS = [("ABCDEFGHIJ"[number % 10], number) for number in range(50)]


@pytest.mark.long
def test_letters_on_photos_are_read(client: TestClient, workers: Workers) -> None:
    """Three of four would do; about 48 of 50 are right."""
    workers.start()
    run = ended(client, client.post("/runs", json={"dataset": "notmnist"}).json()["id"])
    params, headers = {"run": run["id"], "crop": "ink"}, {"Content-Type": "image/jpeg"}
    right = 0
    for letter, number in PHOTOS:
        answer = client.post("/predict", params=params, content=photo(letter, number), headers=headers)
        right += answer.json()["predictions"][0]["label"] == letter
    assert right >= 37
