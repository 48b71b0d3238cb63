"""Experiments on mistakes that the lecture makes or warns of in practice (L696–905), next to the right way."""

from collections.abc import Mapping
from dataclasses import replace

from app.insight.analysis.minimum_loss import minimum_loss
from app.insight.diagnosis.facts import Curve, Facts
from app.insight.experiments.experiment import Experiment, Seen, Trial
from app.insight.experiments.recipes import DIGITS, TABLE, hidden, network
from app.learning.layers import Softmax
from app.learning.losses import CrossEntropy


def arrival(curve: Curve, value: float) -> float:
    """First step at which a rising curve reaches `value`; its last step if it never does."""
    return next((step for step, here in zip(curve.steps, curve.values, strict=True) if here >= value), curve.steps[-1])


# double_softmax

# Three times the lecture's learning rate shows the same in a third of the epochs.
LECTURE = {
    "dataset": "digits",
    "normalise": "unit",
    "batch_size": "full",
    "optimizer": {"name": "sgd", "lr": 0.3},
    "split": {"stratify": False},
    "stop": {"max_epochs": 250},
}
RIGHT_ENOUGH = 0.88


def see_double_softmax(_: int, runs: Mapping[str, Facts]) -> Seen:
    written, mended = runs["as written"], runs["mended"]
    least = minimum_loss(Softmax(), CrossEntropy(), 10)
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
    title="One softmax too many",
    lines="L709, L748, L832",
    claim="The network ends in a softmax, and `F.cross_entropy` is its loss.",
    right="`F.cross_entropy` applies a softmax itself. A second one keeps the loss above ln(e + C − 1) − 1 and makes "
    "the descent slower. The accuracy suffers much less, so the mistake goes unnoticed.",
    sentence="As written, the loss ends at {written_loss}, above its minimum of {floor}; without the second softmax, "
    "it ends at {mended_loss}. The test accuracy is {written:.1%} and {mended:.1%}. A validation accuracy of 88% is "
    "reached after {written_steps} and {mended_steps} steps.",
    observe=see_double_softmax,
    trials={
        "as written": Trial(
            LECTURE | network(hidden(64, "relu"), [{"type": "linear", "units": 10}, {"type": "softmax"}])
        ),
        "mended": Trial(LECTURE | network(hidden(64, "relu"))),
    },
)

# wrong_label

LABELLED = Trial(DIGITS | network(hidden(64, "relu")) | {"stop": {"max_epochs": 8}})


def see_wrong_label(_: int, runs: Mapping[str, Facts]) -> Seen:
    right, wrong = runs["its own label"], runs["another's label"]
    numbers = {"right": right.score("test"), "wrong": wrong.score("test"), "guess": right.guess}
    return Seen(numbers, shown=numbers["right"] > 0.85 and numbers["wrong"] < 2 * numbers["guess"])


WRONG_LABEL = Experiment(
    name="wrong_label",
    about=("cross_entropy",),
    title="Another picture's label",
    lines="L748",
    claim="The loss of X_train[0] compares it with y[0].",
    right="The split shuffles the examples: the label of X_train[0] is y_train[0], and y[0] is another picture's. "
    "There is no error, but the network learns nothing.",
    sentence="With the right labels, the test accuracy on digits is {right:.1%}; with the labels from before the "
    "split, it is {wrong:.1%}. Always answering the most frequent digit would give {guess:.1%}.",
    observe=see_wrong_label,
    trials={
        "its own label": LABELLED,
        "another's label": replace(LABELLED, fault="wrong_label"),
    },
)

# forgot_zero_grad

EMPTIED = Trial(TABLE | network() | {"optimizer": {"name": "sgd", "lr": 0.02}, "stop": {"max_epochs": 200}})


def see_forgot_zero_grad(_: int, runs: Mapping[str, Facts]) -> Seen:
    kept, emptied = (runs[name].loss for name in ("forgotten", "zero_grad"))
    late, settled = (loss.values[len(loss.values) // 2 :] for loss in (kept, emptied))
    numbers = {"zero_grad": emptied.last, "least": min(late), "largest": max(late), "first": kept.first}
    swings = max(late) - min(late) > 10 * (max(settled) - min(settled))  # over 20 seeds at least 37 times as much
    return Seen(numbers, shown=emptied.last < 0.7 and swings)


FORGOT_ZERO_GRAD = Experiment(
    name="forgot_zero_grad",
    title="A forgotten zero_grad",
    lines="L825–828",
    claim="PyTorch adds gradients up, so they must be zeroed in each step.",
    right="True. Otherwise each step follows the sum of all gradients so far: a momentum that never forgets and never "
    "settles.",
    sentence="With `zero_grad`, the loss falls to {zero_grad}. Without it, the loss still swings between {least} and "
    "{largest} in the second half of the run.",
    observe=see_forgot_zero_grad,
    trials={
        "zero_grad": EMPTIED,
        "forgotten": replace(EMPTIED, fault="forgotten_zero_grad"),
    },
)

# forgot_squeeze

SQUEEZED = Trial(
    TABLE | network(hidden(16, "relu")) | {"optimizer": {"name": "adam", "lr": 0.01}, "stop": {"max_epochs": 300}}
)


def see_forgot_squeeze(_: int, runs: Mapping[str, Facts]) -> Seen:
    right, wrong = (runs[name].score("train") for name in ("squeezed", "broadcast"))
    numbers = {"right": right, "wrong": wrong, "loss": runs["broadcast"].loss.last}
    return Seen(numbers, shown=right > 0.4 and abs(wrong) < 0.05)


FORGOT_SQUEEZE = Experiment(
    name="forgot_squeeze",
    about=("mse",),
    title="A forgotten squeeze",
    lines="L896–905",
    claim="`squeeze(1)` turns predictions of shape (N, 1) into (N,).",
    right="It is necessary: predictions (N, 1) and targets (N,) silently broadcast to (N, N), and then the mean is the "
    "best prediction. `squeeze()` without the 1 would also remove the batch dimension of a batch of one.",
    sentence="With the squeeze, R² on the training part is {right:.2f}. With broadcasting, it is {wrong:z.2f}, and the "
    "loss is {loss}: the variance of the standardised target.",
    observe=see_forgot_squeeze,
    trials={
        "squeezed": SQUEEZED,
        "broadcast": replace(SQUEEZED, fault="broadcast_loss"),
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
    claim="Accuracy is computed from `model(x)`, without `model.eval()` or `torch.no_grad()`.",
    right="With dropout or batch norm, the network in training mode is a different one, and a worse one. Without "
    "`no_grad`, it also keeps everything that backward would need.",
    sentence="The same weights have a test accuracy on digits of {forgotten:.1%} in training mode, with dropout "
    "active, and of {eval:.1%} in eval mode.",
    observe=see_forgot_eval,
    trials={
        "dropout": Trial(
            DIGITS
            | network(
                hidden(64, "relu"), [{"type": "dropout", "p": 0.6}], hidden(64, "relu"), [{"type": "dropout", "p": 0.6}]
            )
            | {"stop": {"max_epochs": 15}},
            fault="forgotten_eval",
        )
    },
)

EXPERIMENTS = (DOUBLE_SOFTMAX, WRONG_LABEL, FORGOT_ZERO_GRAD, FORGOT_SQUEEZE, FORGOT_EVAL)
