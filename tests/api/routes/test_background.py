"""`/predict?background=`: the colour behind transparency and in the margins of a fitted picture."""

import io

from fastapi.testclient import TestClient
from PIL import Image

from tests.support.fork_server import Forked
from tests.support.runs import SMALL, ended, queue


def png(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def test_what_is_transparent_or_missing_is_of_the_colour_that_is_asked_for(client: TestClient, worker: Forked) -> None:
    run = queue(client, SMALL)
    assert ended(client, run)["status"] == "succeeded"

    def asked(picture: Image.Image, **params: str) -> object:
        answer = client.post(
            "/predict", params={"run": run} | params, content=png(picture), headers={"Content-Type": "image/png"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["predictions"]

    transparent = Image.new("RGBA", (28, 28))
    transparent.paste((128, 128, 128, 255), (7, 0, 21, 28))  # a grey bar on a transparent background
    bar = Image.new("L", (14, 28), 128)  # only the bar, to be padded
    on = {}
    for colour in ("white", "black"):
        on[colour] = Image.new("L", (28, 28), colour)
        on[colour].paste(128, (7, 0, 21, 28))
        assert asked(transparent, background=colour) == asked(on[colour])
        assert asked(bar, background=colour, fit="true") == asked(on[colour])
    assert asked(on["white"]) != asked(on["black"])
    assert asked(transparent) == asked(on["white"])
