"""Other servers of networks, each in `bench/rivals/.venv`, which `setup.sh` creates."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.learning.serialization import Trained

FOLDER = Path(__file__).parent
PYTHON = FOLDER / ".venv/bin/python"
COMMANDS = {
    "LitServe": ["lit.py", "{port}"],
    "BentoML": ["-m", "bentoml", "serve", "bento:Letters", "--host", "127.0.0.1", "--port", "{port}"],
}


class Probabilities(nn.Module):
    """A trained network from raw pictures to probabilities."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.trained, self.model = trained, trained.model

    def forward(self, inputs: Tensor) -> Any:
        return self.trained.output_kind.probabilities(self.model(self.trained.prepare_inputs.apply(inputs)))


def save(trained: Trained, path: Path) -> None:
    """Write the network as TorchScript, which needs none of Antigrad's code."""
    pictures = torch.zeros(2, *trained.input_shape, dtype=torch.uint8)
    torch.jit.trace(Probabilities(trained).eval(), pictures).save(str(path))
