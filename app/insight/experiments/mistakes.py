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
    """The first step at which a curve that rises is at `value`; its last where it never is."""
    return next((step for step, here in zip(curve.steps, curve.values, strict=True) if here >= value), curve.steps[-1])


# double_softmax

# Three times the lecture's learning rate: as many epochs fewer show the same.
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
    claim="The loss of X_train[0] is that against y[0].",
    right="The split has shuffled: the label of X_train[0] is y_train[0], and y[0] is another picture's. Nothing "
    "fails; what is learnt is nothing.",
    sentence="With its own labels {right} of the test digits are right, with those of before the split {wrong}; the "
    "most frequent digit alone would be {guess}.",
    observe=see_wrong_label,
    trials={
        "its own label": LABELLED,
        "another's label": replace(LABELLED, fault="wrong_label"),
    },
)

# forgot_zero_grad

EMPTIED = Trial(TABLE | network() | {"optimizer": {"name": "sgd", "lr": 0.02}, "stop": {"max_epochs": 200}})


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
    claim="`squeeze(1)` brings the predictions from (N, 1) to (N,).",
    right="It has to: against targets (N,) predictions (N, 1) broadcast to (N, N) in silence, and the best that can be"
    " predicted is the mean. `squeeze()` without the 1 would take the batch away from a batch of one.",
    sentence="Squeezed, R² on the training part is {right}; broadcast, {wrong}, with a loss of {loss}: the variance of"
    " the standardised target.",
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
            fault="forgotten_eval",
        )
    },
)

EXPERIMENTS = (DOUBLE_SOFTMAX, WRONG_LABEL, FORGOT_ZERO_GRAD, FORGOT_SQUEEZE, FORGOT_EVAL)
