"""Resolution of a request: fill in every default, and refuse everything that can be known before the training."""

import importlib.metadata
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import torch

from app.datasets.arrays import Arrays
from app.datasets.errors import SplitImpossible
from app.datasets.splits import SplitSpec, stored_split
from app.errors import Conflict, FieldError, Invalid, NotFound
from app.insight.analysis.warnings import warnings
from app.learning.architecture import refuse_untrainable, with_output_layer
from app.learning.errors import InvalidChoice
from app.learning.layers import Shape
from app.learning.losses import (
    DEFAULT_LOSS,
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    Task,
    loss_from_json,
    loss_to_json,
)
from app.learning.presets import PRESETS
from app.learning.recipe import recipe_from_json
from app.learning.schedules import SCHEDULES
from app.learning.serialization import layers_from_json, layers_to_json
from app.learning.stopping import MUST_END
from app.runs.requests import RunRequest, SplitRequest
from app.storage.files import Files
from app.storage.tables import Dataset


def resolve(
    request: RunRequest, dataset: Dataset, files: Files, *, keep_split: bool = False
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The resolved request and its warnings, as JSON. With `keep_split`, the split is stored.

    Raises Invalid, InvalidChoice, SplitImpossible, Conflict, or NotFound if the dataset is deleted at the same time.
    """
    folder = folder_of(dataset)
    task, shape, classes = dataset.about["task"], tuple(dataset.about["shape"]), len(dataset.about["classes"])
    resolved: dict[str, Any] = request.model_dump(mode="json")
    resolved["dataset"] = dataset.id

    loss = loss_from_json(resolved["loss"] or DEFAULT_LOSS[task])
    _loss_serves(loss, task, classes)
    resolved["loss"] = loss_to_json(loss)

    layers = with_output_layer(layers_from_json(resolved["model"]["layers"]), loss.outputs(classes))
    resolved["model"] = {"layers": layers_to_json(layers)}

    pictures = len(shape) == 3
    of_preset = PRESETS[request.model.preset].request if request.model.preset else {}
    for field, fits, what in (
        ("normalise", pictures, "pictures"),
        ("augment", pictures, "pictures"),
        ("scaling", not pictures, "tables"),
    ):
        if resolved[field] is not None and not fits:
            if resolved[field] != of_preset.get(field):  # what only the preset says is left out by itself
                detail = f"{field} is for {what}; leave it out for this dataset"
                raise Invalid(detail, [FieldError(f"/{field}", detail)])
            resolved[field] = None
    if pictures:
        resolved["normalise"] = resolved["normalise"] or "unit"
    else:
        resolved["scaling"] = resolved["scaling"] or {"inputs": "standard", "target": "standard"}

    wanted = resolved_split(request.split, dataset)
    resolved["split"] = wanted.to_json()
    try:
        train, validation = sizes(files, folder, wanted, keep=keep_split)
    except FileNotFoundError as error:
        raise NotFound(f"the dataset {dataset.name!r} has just been deleted") from error
    if not train:
        raise SplitImpossible("no example is left to train on; take smaller parts")
    try:
        refuse_untrainable(layers, shape, train if request.batch_size == "full" else min(request.batch_size, train))
    except InvalidChoice as error:
        _preset_fits(request.model.preset, shape, error)
        raise
    can_stop(resolved["stop"], validation)
    has_an_end(resolved["schedule"], resolved["stop"])
    if request.accumulate > 1 and request.batch_size == "full":
        detail = "a full batch has all the data in each step already; leave accumulate out, or give batch_size a number"
        raise Invalid(detail, [FieldError("/accumulate", detail)])
    remarks = warnings(recipe_from_json(resolved, shape), train, resolved["normalise"])
    return resolved, [asdict(warning) for warning in remarks]


def folder_of(dataset: Dataset) -> str:
    """The folder of the dataset's arrays. Raises Conflict if it is not ready."""
    if dataset.folder is None:
        raise Conflict(f"the dataset {dataset.name!r} is {dataset.status}; it can be trained on when it is ready")
    return dataset.folder


def resolved_split(request: SplitRequest, dataset: Dataset) -> SplitSpec:
    """The split with every default filled in. A dataset's own parts are used if it has some and the request names no
    test part.

    Raises Invalid.
    """
    has_parts = bool(dataset.about.get("own_split"))
    own = has_parts and request.folds is None and not request.says_test if request.own is None else request.own
    if own and not has_parts:
        detail = f"the dataset {dataset.name!r} has no parts of its own; leave own out, and give fractions"
        raise Invalid(detail, [FieldError("/split/own", detail)])
    return SplitSpec(
        validation=request.validation,
        test=request.test,
        seed=request.seed,
        stratify=request.stratify and dataset.about["task"] == "classification",
        own=own,
        folds=request.folds,
        fold=request.fold,
    )


@lru_cache(1000)  # a class of students sends the same split again and again; a dataset never changes
def sizes(files: Files, folder: str, wanted: SplitSpec, *, keep: bool = False) -> tuple[int, int]:
    """Number of examples in the training part and in the validation part. Raises SplitImpossible."""
    parts = stored_split(files, folder, Arrays.load(files, folder), wanted, keep=keep)
    return len(parts.train), len(parts.validation)


def can_stop(stop: dict[str, Any], validation: float) -> None:
    """Raises Invalid when no criterion is left that ends every run, or one watches a validation part of no examples."""
    if all(stop[name] is None for name in MUST_END):
        detail = "nothing is left that must end the run; give max_epochs or max_steps or max_seconds"
        raise Invalid(detail, [FieldError("/stop", detail)])
    for name in ("target_loss", "patience"):
        if validation == 0 and stop[name] is not None and stop[name]["part"] == "validation":
            detail = f'{name} watches the validation part, and there is none; give split.validation or "part": "train"'
            raise Invalid(detail, [FieldError(f"/stop/{name}", detail)])


def has_an_end(schedule: dict[str, Any], stop: dict[str, Any]) -> None:
    """Raises Invalid when the schedule needs to know how many steps the run has, and nothing says."""
    if SCHEDULES[schedule["name"]].needs_total and stop["max_epochs"] is None and stop["max_steps"] is None:
        detail = f"{schedule['name']} needs to know how long the run is; give stop.max_epochs or stop.max_steps"
        raise Invalid(detail, [FieldError("/schedule", detail)])


def environment(dataset: Dataset, request: dict[str, Any], files: Files) -> dict[str, Any]:
    """Environment of a run: versions, the dataset's identity, and the number of examples in each part. The worker adds
    its own facts."""
    train, validation = sizes(files, folder_of(dataset), SplitSpec.of(request["split"]), keep=True)
    examples = {"train": train, "validation": validation, "test": dataset.about["examples"] - train - validation}
    return {
        "examples": examples,
        "antigrad": importlib.metadata.version("antigrad"),
        "torch": torch.__version__,
        "dataset_name": dataset.name,
        "dataset_version": dataset.version,
        "dataset_checksum": dataset.about["checksum"],
    }


def _preset_fits(name: str | None, shape: Shape, refusal: InvalidChoice) -> None:
    """Raise InvalidChoice with the input shape that the preset is made for, in place of the error about one of its
    layers."""
    if name is None or PRESETS[name].input_shape == shape:
        return
    detail = f"{name} is made for {_inputs(PRESETS[name].input_shape)}, this dataset has {_inputs(shape)}"
    if fitting := [other for other, preset in PRESETS.items() if preset.input_shape == shape]:
        detail += f", for which there are {', '.join(fitting)}"
    raise InvalidChoice("/model/preset", detail) from refusal


def _inputs(shape: Shape) -> str:
    return f"{'pictures' if len(shape) == 3 else 'rows'} of {'×'.join(map(str, shape))}"


def _loss_serves(loss: Loss, task: Task, classes: int) -> None:
    if loss.task != task:
        detail = f"{loss.name} is for {loss.task}, this dataset is for {task}; use {DEFAULT_LOSS[task]}"
        raise Invalid(detail, [FieldError("/loss", detail)])
    if isinstance(loss, BinaryCrossEntropy) and classes != 2:
        detail = f"{loss.name} is for two classes, this dataset has {classes}; use cross_entropy"
        raise Invalid(detail, [FieldError("/loss", detail)])
    weights = loss.class_weights if isinstance(loss, CrossEntropy) else None
    if weights is not None and len(weights) != classes:
        detail = f"there are {len(weights)} weights for {classes} classes; give one a class"
        raise Invalid(detail, [FieldError("/loss/class_weights", detail)])
