"""Experiments on practice (L532–967): pictures, improvements, regression."""

from collections.abc import Mapping
from typing import Any

import torch

from app.insight.diagnosis.facts import Facts
from app.insight.experiments.experiment import Experiment, Seen, Trial
from app.insight.experiments.recipes import DIGITS, TABLE, hidden, network
from app.learning.evaluation import mape_of_the_lecture, regression

LETTERS = {"dataset": "notmnist", "normalise": "unit", "stop": {"max_epochs": 4}}

# improvements

DEEPER = network(hidden(256, "relu"), hidden(128, "relu"))
NEW_LAYERS = network(
    [{"type": "conv2d", "channels": 16, "kernel_size": 5, "stride": 2}, {"type": "relu"}],
    [{"type": "conv2d", "channels": 32, "kernel_size": 3, "stride": 2}, {"type": "relu"}],
    hidden(128, "relu"),
)


def see_improvements(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: facts.score("test") for name, facts in runs.items()}
    same = abs(numbers["deeper"] - numbers["adam"]) < 0.015
    numbers |= {f"{name}_seconds": facts.seconds for name, facts in runs.items()}
    return Seen(numbers, shown=numbers["sgd"] < numbers["adam"] < numbers["conv"] and same)


IMPROVEMENTS = Experiment(
    name="improvements",
    about=("adam", "conv2d"),
    title="What makes it better",
    lines="L875–879",
    claim="Adam instead of SGD, more layers, new kinds of layers.",
    right="Tried one at a time, for the same number of epochs: Adam and convolutions help, the latter at several times "
    "the training time. One more dense layer changes almost nothing.",
    sentence="After 4 epochs on the letters, the test accuracy is {sgd:.1%} with SGD ({sgd_seconds} s), {adam:.1%} "
    "with Adam ({adam_seconds} s), {deeper:.1%} with one more layer ({deeper_seconds} s), and {conv:.1%} with "
    "convolutions ({conv_seconds} s).",
    observe=see_improvements,
    trials={
        "sgd": Trial(LETTERS | network(hidden(256, "relu")) | {"optimizer": {"name": "sgd", "lr": 0.1}}),
        "adam": Trial(LETTERS | network(hidden(256, "relu")) | {"optimizer": {"name": "adam"}}),
        "deeper": Trial(LETTERS | DEEPER | {"optimizer": {"name": "adam"}}),
        "conv": Trial(LETTERS | NEW_LAYERS | {"optimizer": {"name": "adam", "lr": 0.002}}),
    },
)

# regression


def see_regression(_: int, runs: Mapping[str, Facts]) -> Seen:
    raw, scaled, patient = (runs[name] for name in ("as written", "scaled", "scaled, patience"))
    y = torch.tensor([50.0, 100.0, 200.0])
    numbers = {
        "raw": raw.metric("test", "mse"),
        "scaled": scaled.metric("test", "mse"),
        "scaled_train": scaled.metric("train", "mse"),
        "patient": patient.metric("test", "mse"),
        "steps": patient.loss.steps[-1],
        "mape": float(raw.evaluation["test"]["mape"]),
        "mape_lecture": float(raw.evaluation["test"]["mape_lecture"]),
        "mape_tenfold": regression(10 * y, y)["mape"],
        "mape_lecture_tenfold": mape_of_the_lecture(10 * y, y)["mape_lecture"],
    }
    shown = (
        numbers["scaled_train"] < numbers["scaled"] / 5
        and numbers["patient"] < min(numbers["scaled"], 1.1 * numbers["raw"])
        and numbers["mape_lecture_tenfold"] < 1 < numbers["mape_tenfold"]
    )
    return Seen(numbers, shown)


def regressor(**fields: Any) -> Trial:
    recipe = {"optimizer": {"name": "adam"}, "stop": {"max_epochs": 3000}}
    return Trial(TABLE | network(hidden(64, "relu")) | recipe | fields)


REGRESSION = Experiment(
    name="regression",
    about=("mse", "adam"),
    title="Regression",
    lines="L881–967",
    claim="3,000 epochs over all the data with Adam, without scaling and without validation; MAPE divides by "
    "|prediction|.",
    right="With scaled data, the network learns so quickly that 3,000 epochs overfit the training part; with a "
    "validation part and patience, it stops in time. MAPE divides by |target|: dividing by the prediction rewards "
    "predictions that are too large.",
    sentence="The test MSE is {raw} as written; with scaled data, it is {scaled} after 3,000 epochs (training part: "
    "{scaled_train}), and {patient} with patience, after {steps} steps. The MAPE as written is {mape_lecture}; divided "
    "by the target, it is {mape}. For predictions that are ten times too large, it is {mape_tenfold}, but "
    "{mape_lecture_tenfold} by the lecture's formula.",
    observe=see_regression,
    trials={
        "as written": regressor(scaling={"inputs": "none", "target": "none"}),
        "scaled": regressor(),
        "scaled, patience": regressor(stop={"max_epochs": 3000, "patience": 30}),
    },
)

# pixels


def see_pixels(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: facts.score("test") for name, facts in runs.items()}
    return Seen(numbers, shown=numbers["none"] < min(numbers["unit"], numbers["standard"]) - 0.05)


PIXELS = Experiment(
    name="pixels",
    title="Pixels from 0 to 255",
    lines="L557–567, L628",
    claim="A pixel is a number from 0 to 255; `plt.imread` silently returns numbers from 0 to 1.",
    right="The scale matters: with plain SGD, inputs of up to 255 make the first layer's steps 255 times as long, and "
    "change its outputs 255² times as much.",
    sentence="After 3 epochs of SGD, the test accuracy on digits is {none:.1%} with pixels from 0 to 255, {unit:.1%} "
    "with pixels from 0 to 1, and {standard:.1%} with standardised pixels.",
    observe=see_pixels,
    trials={
        name: Trial(
            DIGITS
            | network(hidden(64, "relu"))
            | {"normalise": name, "optimizer": {"name": "sgd", "lr": 0.1}, "stop": {"max_epochs": 3}}
        )
        for name in ("none", "unit", "standard")
    },
)

EXPERIMENTS = (PIXELS, IMPROVEMENTS, REGRESSION)
