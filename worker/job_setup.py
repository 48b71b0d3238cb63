"""Set-up of a training from a run's request."""

import platform
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import torch
from torch import nn

from app.datasets.arrays import Arrays
from app.datasets.import_options import ImportOptions
from app.datasets.prepared import prepared
from app.datasets.splits import SplitSpec, stored_split
from app.insight.analysis.recipe_rules import emulated_bfloat16
from app.insight.experiments.faults import training_of
from app.learning.data import Data
from app.learning.layers import Layer
from app.learning.outputs import OutputKind, output_kind
from app.learning.preprocessing import fit_border, fit_margin
from app.learning.recipe import Recipe
from app.learning.reference import Reference, fit_reference
from app.learning.serialization import Trained
from app.learning.training import Training
from app.storage.files import Files


@dataclass(frozen=True)
class Prepared:
    """The parts of a training that a weights file stores in addition to the weights."""

    layers: list[Layer]
    arrays: Arrays
    data: Data
    output_kind: OutputKind
    reading: ImportOptions

    @property
    def classes(self) -> list[str]:
        return list(self.arrays.classes)

    @cached_property
    def border(self) -> float | None:
        """Brightness of the training pictures' border, for `invert=auto`. Computed only at the first save."""
        return fit_border(self.data.inputs, self.data.parts["train"]) if len(self.arrays.shape) == 3 else None

    @cached_property
    def margin(self) -> float | None:
        """Margin around the ink of the training pictures, for `crop=ink`. Computed only at the first save."""
        return fit_margin(self.data.inputs, self.data.parts["train"]) if len(self.arrays.shape) == 3 else None

    @cached_property
    def reference(self) -> Reference | None:
        """Distribution of the training inputs, to notice drift. Computed only at the first save."""
        return fit_reference(self.data.inputs, self.data.parts["train"])

    def trained(self, model: nn.Module, step: int) -> Trained:
        """The network with its weights after `step`."""
        return Trained(
            model=model,
            layers=self.layers,
            input_shape=self.arrays.shape,
            task=self.arrays.task,
            classes=self.classes,
            prepare_inputs=self.data.prepare_inputs,
            prepare_targets=self.data.prepare_targets,
            border=self.border,
            step=step,
            output_kind=self.output_kind,
            resize=self.reading.resize,
            background=self.reading.background,
            depth=self.reading.depth,
            margin=self.margin,
            reference=self.reference,
        )


def device(wanted: str) -> torch.device:
    """The device for a request: `auto` is the GPU if there is one. Raises RuntimeError for `cuda` without a GPU."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise RuntimeError('this worker has no CUDA device; use "device": "auto" or "cpu"')
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def versions(device: torch.device) -> dict[str, Any]:
    """Versions and hardware that the results depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {"torch": torch.__version__, "python": platform.python_version(), "hardware": name}


def warnings(precision: str, device: torch.device) -> list[dict[str, str]]:
    """Warnings that depend on the worker's hardware."""
    if device.type != "cpu":
        return []
    return [asdict(warning) for warning in emulated_bfloat16(precision, torch.cpu.get_capabilities())]


def prepare(
    request: dict[str, Any],
    folder: str,
    files: Files,
    device: torch.device,
    fault: str | None = None,
    reading: ImportOptions = ImportOptions(),
) -> tuple[Training, Prepared]:
    """Load the data from its folder and split it, fit the preprocessing on the training part, and build the training.

    `reading` holds the dataset's import options, which predictions use too. `fault` is the deliberate mistake of an
    experiment's trial.
    """
    recipe, loaded = load(request, folder, files, reading)
    return training_of(fault)(recipe, loaded.data, device), loaded


def load(request: dict[str, Any], folder: str, files: Files, reading: ImportOptions) -> tuple[Recipe, Prepared]:
    """Load the data from its folder and split it, and fit the preprocessing on the training part."""
    arrays = Arrays.load(files, folder)
    parts = stored_split(files, folder, arrays, SplitSpec.of(request["split"]))
    data, recipe = prepared(arrays, parts, request), Recipe.from_json(request, arrays.shape)
    return recipe, Prepared(recipe.layers, arrays, data, output_kind(recipe.layers, recipe.loss), reading)
