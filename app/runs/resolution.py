"""Resolution of a request: fill in every default, and report every error that is known before training."""

import importlib.metadata
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

import torch
from pydantic import BaseModel

from app.datasets.arrays import Arrays
from app.datasets.errors import SplitImpossible
from app.datasets.splits import SplitSpec, stored_split
from app.errors import Conflict, Invalid, NotFound
from app.insight.analysis.warnings import warnings
from app.learning import defaults
from app.learning.architecture import refuse_untrainable, with_output_layer
from app.learning.errors import InvalidChoice
from app.learning.layers import Shape
from app.learning.layers.serialization import layers_to_json
from app.learning.losses import (
    DEFAULT_LOSS,
    LOSSES,
    BinaryCrossEntropy,
    CrossEntropy,
    Loss,
    Task,
    loss_from_json,
    loss_to_json,
)
from app.learning.presets import PRESETS
from app.learning.recipe import Recipe
from app.learning.schedules import SCHEDULES
from app.learning.stopping import MUST_END, PatienceLimit
from app.messages import Fix
from app.runs.requests import RunRequest, SplitRequest
from app.storage.files import Files
from app.storage.tables import Dataset


def resolve(
    request: RunRequest, dataset: Dataset, files: Files, *, keep_split: bool = False
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The resolved request and its warnings, as JSON. With `keep_split`, the split is stored.

    Raises Invalid, InvalidChoice, SplitImpossible, Conflict, and NotFound if the dataset is deleted meanwhile.
    """
    folder = folder_of(dataset)
    task, shape, classes = dataset.about["task"], tuple(dataset.about["shape"]), len(dataset.about["classes"])
    resolved: dict[str, Any] = request.model_dump(mode="json")
    resolved["dataset"] = dataset.id

    loss = _loss(request.loss, task)
    _loss_serves(loss, task, classes)
    resolved["loss"] = loss_to_json(loss)

    layers = with_output_layer(request.model.written(loss.outputs(classes)), loss.outputs(classes))
    resolved["model"] = {"layers": layers_to_json(layers)}

    pictures = len(shape) == 3
    of_preset = PRESETS[request.model.preset].request if request.model.preset else {}
    for field, fits, what in (
        ("normalise", pictures, "pictures"),
        ("augment", pictures, "pictures"),
        ("scaling", not pictures, "tables"),
    ):
        if resolved[field] is not None and not fits:
            if resolved[field] != of_preset.get(field):  # a field that only the preset sets is dropped silently
                raise Invalid("field_for_other_inputs", f"/{field}", Fix(f"/{field}", None), field=field, inputs=what)
            resolved[field] = None
    if pictures:
        resolved["normalise"] = resolved["normalise"] or defaults.NORMALISE
    else:
        resolved["scaling"] = resolved["scaling"] or {"inputs": "standard", "target": "standard"}

    wanted = resolved_split(request.split, dataset)
    resolved["split"] = wanted.to_json()
    try:
        train, validation = sizes(files, folder, wanted, keep=keep_split)
    except FileNotFoundError as error:
        raise NotFound("dataset_deleted", dataset=dataset.name) from error
    if not train:
        raise SplitImpossible("no_training_examples")
    _follow_the_data(resolved, request, train, validation)
    batch_size = resolved["batch_size"]
    try:
        refuse_untrainable(layers, shape, train if batch_size == "full" else min(batch_size, train))
    except InvalidChoice as error:
        _preset_fits(request.model.preset, shape, error)
        raise
    can_stop(resolved["stop"], validation)
    has_an_end(resolved["schedule"], resolved["stop"])
    if request.accumulate > 1 and batch_size == "full":
        raise Invalid("full_batch_accumulates", "/accumulate", Fix("/accumulate", 1))
    remarks = warnings(Recipe.from_json(resolved, shape), train, resolved["normalise"])
    return resolved, [asdict(warning) for warning in remarks]


def _follow_the_data(resolved: dict[str, Any], request: RunRequest, train: int, validation: int) -> None:
    """Set the batch size and the duration if the request leaves them out."""
    if resolved["batch_size"] is None:
        resolved["batch_size"] = defaults.batch_size(train)
    if "max_epochs" in request.stop.model_fields_set:
        return
    examples_per_step = None if resolved["batch_size"] == "full" else resolved["batch_size"] * request.accumulate
    duration = defaults.duration(train, examples_per_step)
    resolved["stop"]["max_epochs"] = duration.max_epochs
    if duration.patience and validation and "patience" not in request.stop.model_fields_set:
        resolved["stop"]["patience"] = asdict(PatienceLimit(duration.patience))


def folder_of(dataset: Dataset) -> str:
    """The folder of the dataset's arrays. Raises Conflict if it is not ready."""
    if dataset.folder is None:
        raise Conflict("dataset_not_ready", dataset=dataset.name, status=dataset.status)
    return dataset.folder


def resolved_split(request: SplitRequest, dataset: Dataset) -> SplitSpec:
    """The split with every default filled in. A dataset's own parts are used if it has some and the request names no
    test part.

    Raises Invalid.
    """
    has_parts = bool(dataset.about.get("own_split"))
    own = has_parts and request.folds is None and not request.says_test if request.own is None else request.own
    if own and not has_parts:
        raise Invalid("dataset_without_parts", "/split/own", Fix("/split/own", False), dataset=dataset.name)
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
    """Raise Invalid if no criterion is certain to end the run, or if one watches an empty validation part."""
    if all(stop[name] is None for name in MUST_END):
        raise Invalid("no_end", "/stop")
    for name in ("target_loss", "patience"):
        if validation == 0 and stop[name] is not None and stop[name]["part"] == "validation":
            fix = Fix(f"/stop/{name}/part", "train")
            raise Invalid("validation_part_empty", f"/stop/{name}", fix, criterion=name)


def has_an_end(schedule: dict[str, Any], stop: dict[str, Any]) -> None:
    """Raise Invalid if the schedule needs the run's number of steps and the stop criteria do not give it."""
    if SCHEDULES[schedule["name"]].needs_total and stop["max_epochs"] is None and stop["max_steps"] is None:
        raise Invalid("schedule_needs_end", "/schedule", schedule=schedule["name"])


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
    """Raise InvalidChoice with the input shape that the preset is made for, instead of the error about one of its
    layers."""
    if name is None or PRESETS[name].input_shape == shape:
        return
    fitting = [other for other, preset in PRESETS.items() if preset.input_shape == shape]
    inputs = {"made_for": _inputs(PRESETS[name].input_shape), "inputs": _inputs(shape)}
    fix = Fix("/model/preset", fitting[0]) if fitting else None
    raise InvalidChoice(
        "preset_for_other_inputs", "/model/preset", fix, preset=name, **inputs, fitting=fitting
    ) from refusal


def _inputs(shape: Shape) -> str:
    return f"{'pictures' if len(shape) == 3 else 'rows'} of {'×'.join(map(str, shape))}"


def _loss(sent: BaseModel | None, task: Task) -> Loss:
    """The loss of a request. Without a name it is the task's default, unless that lacks one of the fields sent."""
    default = LOSSES[DEFAULT_LOSS[task]]
    if sent is None:
        return default()
    given = sent.model_dump(mode="json", include=sent.model_fields_set)
    if "name" not in given and given.keys() <= {field.name for field in fields(default)}:  # type: ignore[arg-type]
        return loss_from_json({"name": default.name} | given)
    return loss_from_json(sent.model_dump(mode="json"))


def _loss_serves(loss: Loss, task: Task, classes: int) -> None:
    if loss.task != task:
        default = DEFAULT_LOSS[task]
        tasks = {"made_for": loss.task, "task": task}
        raise Invalid("loss_for_other_task", "/loss", Fix("/loss", default), loss=loss.name, **tasks, default=default)
    if isinstance(loss, BinaryCrossEntropy) and classes != 2:
        fix = Fix("/loss", "cross_entropy")
        raise Invalid("loss_for_two_classes", "/loss", fix, loss=loss.name, classes=classes)
    weights = loss.class_weights if isinstance(loss, CrossEntropy) else None
    if weights is not None and len(weights) != classes:
        raise Invalid("class_weights_differ", "/loss/class_weights", weights=len(weights), classes=classes)
