"""BentoML with the network: a PNG as the raw body, one worker, which computes on the event loop."""

import bentoml
import torch
from network import labels, network, pixels
from PIL import Image


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Letters:
    def __init__(self) -> None:
        self.network = network()

    @bentoml.api
    async def predict(self, picture: Image.Image, /) -> dict[str, float]:
        with torch.no_grad():
            return labels(self.network(torch.from_numpy(pixels(picture).copy())[None]))[0]
