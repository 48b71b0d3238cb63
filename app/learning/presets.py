"""Presets: networks and complete recipes to start from. A request may override any field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.learning.layers import Shape


@dataclass(frozen=True)
class Preset:
    """A network for inputs of `input_shape` and `outputs` outputs, with fields of a run's request (no dataset)."""

    name: str
    summary: str
    input_shape: Shape
    outputs: int
    layers: list[dict[str, Any]]
    request: Mapping[str, Any] = field(default_factory=dict)
    advantages: tuple[str, ...] = field(kw_only=True)
    drawbacks: tuple[str, ...] = field(kw_only=True)


def linear(units: int, **fields: Any) -> dict[str, Any]:
    return {"type": "linear", "units": units} | fields


def conv(channels: int, kernel_size: int = 3, **fields: Any) -> dict[str, Any]:
    return {"type": "conv2d", "channels": channels, "kernel_size": kernel_size} | fields


def vgg_stage(channels: int, convolutions: int, *between: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """Convolutions of one width with ReLU, then pooling to half the size (the lecture's drawing of VGG)."""
    return [{"type": "block", "repeat": convolutions, "layers": [conv(channels, **fields), *between, RELU]}, POOL]


RELU, POOL, FLATTEN, SOFTMAX, BATCH_NORM = (
    {"type": kind} for kind in ("relu", "max_pool2d", "flatten", "softmax", "batch_norm")
)
HE = {"init": "he"}  # at this depth and without batch norm, PyTorch's initial weights are too small
LECTURE = {
    "normalise": "unit",
    "loss": "cross_entropy",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "batch_size": "full",
    "stop": {"max_epochs": 2000},
    "split": {"stratify": False},
}

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            "linear",
            "One linear layer: the best that is possible without a nonlinearity.",
            (1, 28, 28),
            10,
            [],
            advantages=(
                "a baseline that any larger network has to beat",
                "learns in seconds, and the weights of each class can be viewed as a picture",
            ),
            drawbacks=("each class is one weighted sum of pixels, too simple for a letter with two shapes",),
        ),
        Preset(
            "mlp",
            "Two wide hidden layers with dropout: more capacity than small pictures need.",
            (1, 28, 28),
            10,
            [linear(1024), RELU, {"type": "dropout", "p": 0.5}, linear(512), RELU, {"type": "dropout", "p": 0.5}],
            {
                "normalise": "standard",
                "optimizer": {"name": "adam", "lr": 0.001},
                "schedule": {"name": "cosine"},
                "loss": {"name": "cross_entropy", "label_smoothing": 0.1},
                "stop": {"max_epochs": 30},
            },
            advantages=(
                "classifies 91% of the letters correctly without a convolution",
                "generalises, thanks to dropout and label smoothing, although it has far more parameters than examples",
            ),
            drawbacks=(
                "1.3 million parameters, twenty times as many as lenet",
                "ignores which pixels are neighbours, so a letter shifted by a few pixels looks entirely different",
            ),
        ),
        Preset(
            "lenet",
            "LeNet-5 (LeCun et al. 1998) with ReLU and max pooling.",
            (1, 28, 28),
            10,
            [conv(6, 5), RELU, POOL, conv(16, 5, padding=0), RELU, POOL, FLATTEN, linear(120), RELU, linear(84), RELU],
            {"normalise": "standard", "optimizer": {"name": "adam", "lr": 0.001}, "stop": {"max_epochs": 15}},
            advantages=(
                "only 62,000 parameters, and its windows find a stroke anywhere in the picture",
                "the basic form of a network for pictures: convolution, pooling, fully connected layers",
            ),
            drawbacks=(
                "6 and 16 channels are few: vgg_small is more accurate",
                "nothing against overfitting: no dropout, no early stopping",
            ),
        ),
        Preset(
            "vgg_small",
            "The idea of VGG for pictures of 28×28: shrink in space, grow in channels, then fully connected layers.",
            (1, 28, 28),
            10,
            [
                *vgg_stage(32, 2, BATCH_NORM),
                *vgg_stage(64, 2, BATCH_NORM),
                FLATTEN,
                linear(256),
                BATCH_NORM,
                RELU,
                {"type": "dropout", "p": 0.5},
            ],
            {
                "normalise": "standard",
                "optimizer": {"name": "adam", "lr": 0.003},
                "schedule": {"name": "one_cycle"},
                "batch_size": 64,
                "stop": {"max_epochs": 10},
            },
            advantages=(
                "the most accurate preset on letters: 94%",
                "batch norm and one_cycle allow a large learning rate, so ten epochs are enough",
            ),
            drawbacks=(
                "over forty times as many multiplications per picture as lenet: minutes on a few cores",
                "batch norm and dropout behave differently in training and evaluation",
            ),
        ),
        Preset(
            "vgg16",
            "VGG-16 (Simonyan & Zisserman 2015, configuration D) for colour pictures of 224×224. For inspection only.",
            (3, 224, 224),
            1000,
            [
                *vgg_stage(64, 2, **HE),
                *vgg_stage(128, 2, **HE),
                *vgg_stage(256, 3, **HE),
                *vgg_stage(512, 3, **HE),
                *vgg_stage(512, 3, **HE),
                FLATTEN,
                {"type": "block", "repeat": 2, "layers": [linear(4096, **HE), RELU, {"type": "dropout", "p": 0.5}]},
            ],
            advantages=("the network of the paper, layer by layer, with its shapes, parameters and bytes",),
            drawbacks=(
                "138 million parameters, more than the service trains",
                "three quarters of them are in the first linear layer",
            ),
        ),
        Preset(
            "lecture_classifier_as_written",
            "The lecture's classifier as written: with a softmax before cross_entropy, which applies one itself.",
            (1, 28, 28),
            10,
            [linear(256), RELU, linear(10), SOFTMAX],
            LECTURE,
            advantages=("the lecture's run as written, for comparison with the corrected one",),
            drawbacks=("for ten classes the loss stays above 1.461, and learning is much slower",),
        ),
        Preset(
            "lecture_classifier",
            "The lecture's classifier without the superfluous softmax.",
            (1, 28, 28),
            10,
            [linear(256), RELU],
            LECTURE,
            advantages=(
                "all the data in each step: the loss falls without noise, as in drawings of gradient descent",
                "only the split and the initial weights are random",
            ),
            drawbacks=(
                "each step is a pass over all the data: 2,000 take minutes, while batches learn as much in seconds",
                "the split is not stratified, as in the lecture: a small part may have few examples of a class",
            ),
        ),
        Preset(
            "lecture_regressor",
            "The lecture's regression on a table: full batch, Adam, no scaling; a validation part is held out and only "
            "measured.",
            (10,),
            1,
            [linear(64), RELU],
            {
                "loss": "mse",
                "optimizer": {"name": "adam"},
                "batch_size": "full",
                "stop": {"max_epochs": 3000},
                "scaling": {"inputs": "none", "target": "none"},
            },
            advantages=("the lecture's run, for comparison with a scaled one", "the loss is in the target's units"),
            drawbacks=(
                "unscaled columns and target: with scaling and patience, 150 epochs give the same result",
                "no patience: it trains for all 3,000 epochs, whatever the validation loss",
            ),
        ),
    )
}


ENTRIES = ("optimizer", "schedule", "loss")
TAGS = ("name", "formulas")  # fields that identify an entry


def _spelt_out(field: str, value: Any) -> Any:
    """The object that the name of a registry entry is short for."""
    return {"name": value} if field in ENTRIES and isinstance(value, str) else value


def under(preset: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The request, with missing fields taken from the preset, field by field.

    A model, or an optimizer, schedule or loss of another name, replaces the preset's as a whole: its fields differ.
    """
    merged = dict(preset)
    for name, sent in request.items():
        below, value = _spelt_out(name, merged.get(name)), _spelt_out(name, sent)
        if not isinstance(value, Mapping) or not isinstance(below, Mapping) or name == "model":
            merged[name] = value
        elif name in ENTRIES and any(value.get(tag, below[tag]) != below[tag] for tag in TAGS if tag in below):
            merged[name] = {"name": below.get("name")} | dict(value)
        else:
            merged[name] = under(below, value)
    return merged
