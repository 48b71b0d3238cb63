"""What the lecture does in practice (L532–967), tried as it is written and as it is right."""

from collections.abc import Mapping
from typing import Any

import torch

from app.learning.evaluation import mape_of_the_lecture, regression
from app.learning.insight.diagnosis.facts import Curve, Facts
from app.learning.insight.experiments.experiment import Experiment, Seen, Trial
from app.learning.insight.experiments.networks import hidden, network
from app.learning.insight.floors import floor
from app.learning.layers import Softmax
from app.learning.losses import CrossEntropy

DIGITS = {"dataset": "digits", "batch_size": 32}
LETTERS = {"dataset": "notmnist", "stop": {"max_epochs": 4}}


def arrival(curve: Curve, value: float) -> float:
    """The first step at which a curve that rises is at `value`; its last where it never is."""
    return next((step for step, here in zip(curve.steps, curve.values, strict=True) if here >= value), curve.steps[-1])


# double_softmax

# Three times the lecture's learning rate: as many epochs fewer show the same.
LECTURE = {
    "dataset": "digits",
    "batch_size": "full",
    "optimizer": {"name": "sgd", "lr": 0.3},
    "split": {"stratify": False},
    "stop": {"max_epochs": 250},
}
RIGHT_ENOUGH = 0.88


def see_double_softmax(_: int, runs: Mapping[str, Facts]) -> Seen:
    written, mended = runs["as written"], runs["mended"]
    least = floor(Softmax(), CrossEntropy(), 10)
    numbers = {
        "floor": least,
        "written_loss": written.loss.last,
        "mended_loss": mended.loss.last,
        "written": written.score("test"),
        "mended": mended.score("test"),
        "written_steps": arrival(written.curve("validation.accuracy"), RIGHT_ENOUGH),
        "mended_steps": arrival(mended.curve("validation.accuracy"), RIGHT_ENOUGH),
    }
    shown = (
        numbers["written_loss"] > least > numbers["mended_loss"]
        and numbers["written"] > 0.8
        and numbers["written_steps"] > 1.5 * numbers["mended_steps"]
    )
    return Seen(numbers, shown)


DOUBLE_SOFTMAX = Experiment(
    name="double_softmax",
    about=("softmax", "cross_entropy"),
    title="A softmax too many",
    lines="L709, L748, L832",
    claim="The network ends in a softmax, and `F.cross_entropy` is its loss.",
    right="`F.cross_entropy` takes a softmax itself. The second puts a floor of ln(e + C − 1) − 1 under the loss and "
    "makes the descent slower; the accuracy suffers far less, which is why nobody notices.",
    sentence="As written the loss ends at {written_loss}, above the floor of {floor}; mended at {mended_loss}. Test "
    "accuracy {written} and {mended}; 0.88 of the validation digits are right after {written_steps} and {mended_steps}"
    " steps.",
    observe=see_double_softmax,
    trials={
        "as written": Trial(
            LECTURE | network(hidden(64, "relu"), [{"type": "linear", "units": 10}, {"type": "softmax"}])
        ),
        "mended": Trial(LECTURE | network(hidden(64, "relu"))),
    },
)

# wrong_label


def see_wrong_label(_: int, runs: Mapping[str, Facts]) -> Seen:
    right, wrong = runs["its own label"], runs["another's label"]
    numbers = {"right": right.score("test"), "wrong": wrong.score("test"), "guess": right.guess}
    return Seen(numbers, shown=numbers["right"] > 0.85 and numbers["wrong"] < 2 * numbers["guess"])


WRONG_LABEL = Experiment(
    name="wrong_label",
    about=("cross_entropy",),
    title="Another picture's label",
    lines="L748",
    claim="The loss of X_train[0] is that against y[0].",
    right="The split has shuffled: the label of X_train[0] is y_train[0], and y[0] is another picture's. Nothing "
    "fails; what is learnt is nothing.",
    sentence="With its own labels {right} of the test digits are right, with those of before the split {wrong}; the "
    "most frequent digit alone would be {guess}.",
    observe=see_wrong_label,
    trials={
        "its own label": Trial(DIGITS | network(hidden(64, "relu")) | {"stop": {"max_epochs": 8}}),
        "another's label": Trial(
            DIGITS | network(hidden(64, "relu")) | {"stop": {"max_epochs": 8}}, slip="wrong_label"
        ),
    },
)

# forgot_zero_grad

TABLE = {"dataset": "diabetes", "batch_size": "full"} | network()


def see_forgot_zero_grad(_: int, runs: Mapping[str, Facts]) -> Seen:
    kept, emptied = runs["forgotten"].loss, runs["zero_grad"].loss
    late = kept.values[len(kept.values) // 2 :]
    numbers = {"zero_grad": emptied.last, "least": min(late), "largest": max(late), "first": kept.first}
    return Seen(numbers, shown=emptied.last < 0.7 and max(late) > 1.5 * emptied.last)


FORGOT_ZERO_GRAD = Experiment(
    name="forgot_zero_grad",
    title="A forgotten zero_grad",
    lines="L825–828",
    claim="PyTorch adds gradients up, so that they must be emptied in each step.",
    right="So it is. Each step then goes along all gradients so far: a momentum that never forgets, and never settles.",
    sentence="With `zero_grad` the loss falls to {zero_grad}. Without it, the second half of the run still swings "
    "between {least} and {largest}.",
    observe=see_forgot_zero_grad,
    trials={
        "zero_grad": Trial(TABLE | {"optimizer": {"name": "sgd", "lr": 0.02}, "stop": {"max_epochs": 200}}),
        "forgotten": Trial(
            TABLE | {"optimizer": {"name": "sgd", "lr": 0.02}, "stop": {"max_epochs": 200}}, slip="forgotten_zero_grad"
        ),
    },
)

# forgot_squeeze


def see_forgot_squeeze(_: int, runs: Mapping[str, Facts]) -> Seen:
    right, wrong = (runs[name].score("train") for name in ("squeezed", "broadcast"))
    numbers = {"right": right, "wrong": wrong, "loss": runs["broadcast"].loss.last}
    return Seen(numbers, shown=right > 0.4 and abs(wrong) < 0.05)


SMALL = {
    "dataset": "diabetes",
    "batch_size": "full",
    "optimizer": {"name": "adam", "lr": 0.01},
    "stop": {"max_epochs": 300},
}

FORGOT_SQUEEZE = Experiment(
    name="forgot_squeeze",
    about=("mse",),
    title="A forgotten squeeze",
    lines="L896–905",
    claim="`squeeze(1)` brings the predictions from (N, 1) to (N,).",
    right="It has to: against targets (N,) predictions (N, 1) broadcast to (N, N) in silence, and the best that can be"
    " predicted is the mean. `squeeze()` without the 1 would take the batch away from a batch of one.",
    sentence="Squeezed, R² on the training part is {right}; broadcast, {wrong}, with a loss of {loss}: the variance of"
    " the standardised target.",
    observe=see_forgot_squeeze,
    trials={
        "squeezed": Trial(SMALL | network(hidden(16, "relu"))),
        "broadcast": Trial(SMALL | network(hidden(16, "relu")), slip="broadcast_loss"),
    },
)

# forgot_eval


def see_forgot_eval(_: int, runs: Mapping[str, Facts]) -> Seen:
    [facts] = runs.values()
    numbers = {"forgotten": facts.score("test"), "eval": facts.evaluation["test"]["accuracy"]}
    return Seen(numbers, shown=numbers["forgotten"] < numbers["eval"] - 0.02)


FORGOT_EVAL = Experiment(
    name="forgot_eval",
    about=("dropout",),
    title="A forgotten eval",
    lines="L821–841, L867",
    claim="Accuracy is that of `model(x)`, with no word of `model.eval()` or `torch.no_grad()`.",
    right="With dropout or batch norm the network in training mode is another one, and a worse one; and without "
    "`no_grad` all that backward would need is kept.",
    sentence="The same weights are right for {forgotten} of the test digits in training mode, with dropout at work, "
    "and for {eval} in eval mode.",
    observe=see_forgot_eval,
    trials={
        "dropout": Trial(
            DIGITS
            | network(
                hidden(64, "relu"), [{"type": "dropout", "p": 0.6}], hidden(64, "relu"), [{"type": "dropout", "p": 0.6}]
            )
            | {"stop": {"max_epochs": 15}},
            slip="forgotten_eval",
        )
    },
)

# improvements

DEEPER = network(hidden(256, "relu"), hidden(128, "relu"))
NEW_LAYERS = network(
    [{"type": "conv2d", "channels": 16, "kernel_size": 5, "stride": 2}, {"type": "relu"}],
    [{"type": "conv2d", "channels": 32, "kernel_size": 3, "stride": 2}, {"type": "relu"}],
    hidden(128, "relu"),
)


def see_improvements(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: facts.score("test") for name, facts in runs.items()}
    numbers |= {f"{name}_seconds": facts.seconds for name, facts in runs.items()}
    return Seen(numbers, shown=numbers["sgd"] < numbers["adam"] < numbers["conv"])


IMPROVEMENTS = Experiment(
    name="improvements",
    about=("adam", "conv2d"),
    title="What makes it better",
    lines="L875–879",
    claim="Adam instead of SGD, more layers, new layers.",
    right="One at a time, after as many epochs: Adam helps much, another dense layer next to nothing, convolutions "
    "again.",
    sentence="After 4 epochs on the letters: SGD {sgd} ({sgd_seconds} s), Adam {adam} ({adam_seconds} s), a layer more"
    " {deeper} ({deeper_seconds} s), convolutions {conv} ({conv_seconds} s).",
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
    stop = {"max_epochs": 3000}
    adam = {"optimizer": {"name": "adam"}, "stop": stop}
    return Trial({"dataset": "diabetes", "batch_size": "full"} | network(hidden(64, "relu")) | adam | fields)


REGRESSION = Experiment(
    name="regression",
    about=("mse", "adam"),
    title="Regression",
    lines="L881–967",
    claim="3,000 epochs over all the data with Adam, nothing scaled, no validation; MAPE divides by |prediction|.",
    right="Scaled, the network learns so quickly that 3,000 epochs learn the training part by heart: with a validation"
    " part and patience it stops in time. MAPE divides by |target|: dividing by the prediction rewards too much.",
    sentence="Test MSE as written {raw}; scaled, after 3,000 epochs, {scaled} (training part: {scaled_train}); with "
    "patience, after {steps} steps, {patient}. MAPE as written {mape_lecture}, and by the target {mape}; predictions "
    "ten times too large are wrong by {mape_tenfold}, and the lecture's says {mape_lecture_tenfold}.",
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
    claim="A pixel is a number from 0 to 255; `plt.imread` gives it as one from 0 to 1 without a word.",
    right="The scale matters: with plain SGD, inputs of up to 255 make steps 255² times as long.",
    sentence="After 3 epochs of SGD on pixels from 0 to 255, {none} of the test digits are right; from 0 to 1, {unit};"
    " standardised, {standard}.",
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

EXPERIMENTS = (
    DOUBLE_SOFTMAX,
    WRONG_LABEL,
    FORGOT_ZERO_GRAD,
    FORGOT_SQUEEZE,
    FORGOT_EVAL,
    IMPROVEMENTS,
    REGRESSION,
    PIXELS,
)
