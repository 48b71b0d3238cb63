"""Networks and whole recipes to begin with; a request may change any field of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.learning.layers import Shape


@dataclass(frozen=True)
class Preset:
    """`request` holds fields of a run's request (no dataset); the shapes are what the network is made for."""

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
    """Convolutions of one width with ReLU, then a picture of half the size (the lecture's drawing of VGG)."""
    return [{"type": "block", "repeat": convolutions, "layers": [conv(channels, **fields), *between, RELU]}, POOL]


RELU, POOL, FLATTEN, SOFTMAX, BATCH_NORM = (
    {"type": kind} for kind in ("relu", "max_pool2d", "flatten", "softmax", "batch_norm")
)
HE = {"init": "he"}  # so deep, and with no batch norm, PyTorch's own initial weights would be too small
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
            "One linear layer: what can be had without a nonlinearity.",
            (1, 28, 28),
            10,
            [],
            advantages=(
                "a measure: whatever is larger has to do better",
                "learns in seconds, and what it has learnt for a class is one picture of weights",
            ),
            drawbacks=("a class is one weighted sum of pixels: two ways to draw a letter do not fit into it",),
        ),
        Preset(
            "mlp",
            "Two wide hidden layers with dropout: more than one needs to classify small pictures.",
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
                "knows 91 of 100 letters without one convolution",
                "dropout and smoothed labels: far more parameters than pictures do it no harm on new ones",
            ),
            drawbacks=(
                "1.3 million parameters, twenty times lenet's",
                "knows nothing of neighbourhoods: a letter that is shifted by a few pixels is another one to it",
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
                "62 thousand parameters, and its windows find a stroke wherever it stands",
                "the plain form of a network for pictures: convolve, pool, connect",
            ),
            drawbacks=(
                "6 and 16 channels are few: vgg_small knows more letters",
                "nothing against learning by heart: neither dropout nor a criterion that stops it in time",
            ),
        ),
        Preset(
            "vgg_small",
            "The idea of VGG for pictures of 28×28: smaller in space, deeper in channels, then fully connected.",
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
                "the most accurate of these on letters: 94 of 100",
                "batch norm and one cycle: it takes a large learning rate, and ten epochs do",
            ),
            drawbacks=(
                "over forty times lenet's products for each picture: minutes on a few cores",
                "another network in training than in evaluation: batch norm and dropout",
            ),
        ),
        Preset(
            "vgg16",
            "VGG-16 (Simonyan & Zisserman 2015, configuration D) for pictures of 224×224 in colour; to be inspected.",
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
            advantages=("the network of the paper, layer by layer: its shapes, parameters and bytes can be read off",),
            drawbacks=(
                "138 million parameters: more than are trained here",
                "three quarters of them stand between the last picture and the first linear layer",
            ),
        ),
        Preset(
            "lecture_classifier_as_written",
            "The lecture's classifier as it is written: a softmax before cross_entropy, which takes one itself.",
            (1, 28, 28),
            10,
            [linear(256), RELU, linear(10), SOFTMAX],
            LECTURE,
            advantages=("the lecture's run as it is, to be seen beside the one without the slip",),
            drawbacks=("for ten classes the loss stays above 1.461, and learning is far slower",),
        ),
        Preset(
            "lecture_classifier",
            "The lecture's classifier without the softmax that is one too many.",
            (1, 28, 28),
            10,
            [linear(256), RELU],
            LECTURE,
            advantages=(
                "all the data in each step: the loss falls without noise, as gradient descent is drawn",
                "nothing is left to chance but the split and the first weights",
            ),
            drawbacks=(
                "a step is a pass over all the data: 2,000 take minutes, where batches learn as much in seconds",
                "classes are not evenly split, as in the lecture: a small part may have few of one",
            ),
        ),
        Preset(
            "lecture_regressor",
            "The lecture's regression of a table: full batch, Adam, nothing scaled; a validation part is held out, and "
            "decides nothing.",
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
            advantages=("the lecture's run, to be seen beside a scaled one; the loss is in the target's own units",),
            drawbacks=(
                "columns of unlike sizes and a large target: scaled and with patience, 150 epochs do as well",
                "no patience: it goes on for 3,000 epochs, whatever the validation part says",
            ),
        ),
    )
}


ENTRIES = ("optimizer", "schedule", "loss")
TAGS = ("name", "formulas")  # what tells one entry from another


def under(preset: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """The request with what it does not say taken from the preset, field by field.

    Other layers are another network, and another optimizer, schedule or loss has other fields: those replace the
    preset's.
    """
    merged = dict(preset)
    for name, sent in request.items():
        below = merged.get(name)
        value = {"name": sent} if name in ENTRIES and isinstance(sent, str) else sent  # a name alone is short for this
        if not isinstance(value, Mapping) or not isinstance(below, Mapping) or name == "model":
            merged[name] = value
        elif name in ENTRIES and any(value.get(tag, below[tag]) != below[tag] for tag in TAGS if tag in below):
            merged[name] = {"name": below.get("name")} | dict(value)
        else:
            merged[name] = under(below, value)
    return merged
