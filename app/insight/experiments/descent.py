"""Experiments on gradient descent (L347–415)."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import Any

from app.insight.diagnosis.facts import Facts
from app.insight.experiments.experiment import Experiment, Seen, Trial
from app.insight.experiments.recipes import TABLE, hidden, network

SMALL = {"dataset": "digits", "normalise": "unit", "batch_size": 128} | network(hidden(32, "relu"))


def sgd(lr: float) -> dict[str, Any]:
    return {"optimizer": {"name": "sgd", "lr": lr}}


# sign

DOWN = Trial(SMALL | sgd(0.1) | {"stop": {"max_steps": 30}})


def see_sign(_: int, runs: Mapping[str, Facts]) -> Seen:
    down, up = runs["minus"].loss, runs["plus"].loss
    numbers = {"first": down.first, "down": down.last, "up": up.last}
    return Seen(numbers, shown=down.last < down.first < up.last)


SIGN = Experiment(
    name="sign",
    about=("sgd",),
    title="The sign",
    lines="L359, L369, L397",
    claim="θ ← θ + η∇L, and the gradient points in the direction of steepest descent.",
    right="The gradient points in the direction of steepest ascent, so the step goes against it: θ ← θ − η∇L, as the "
    "lecture itself says at L371, L429 and L801.",
    sentence="From a loss of {first}, 30 steps with the minus lead to {down}, with the plus to {up}.",
    observe=see_sign,
    trials={
        "minus": DOWN,
        "plus": replace(DOWN, fault="ascent"),
    },
)

# step_size


def see_step_size(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: facts.score("test") for name, facts in runs.items()}
    numbers |= {"losses_large": runs["large"].loss.last, "losses_right": runs["right"].loss.last}
    return Seen(numbers, shown=numbers["right"] > 0.85 > max(numbers["small"], numbers["large"]) + 0.15)


STEP_SIZE = Experiment(
    name="step_size",
    about=("sgd",),
    title="The size of a step",
    lines="L387",
    claim="A step that is too large jumps over the minimum; a step that is too small takes very long.",
    right="True: the learning rate is the first thing to tune, by powers of ten.",
    sentence="After 10 epochs, the test accuracy on digits is {small:.1%} with a learning rate of 0.0005, {right:.1%} "
    "with 0.2 and {large:.1%} with 20.",
    observe=see_step_size,
    trials={
        name: Trial(SMALL | sgd(lr) | {"batch_size": 32, "stop": {"max_epochs": 10}})
        for name, lr in (("small", 0.0005), ("right", 0.2), ("large", 20.0))
    },
)

# three_descents

SIZES: dict[str, int | str] = {"full": "full", "mini": 32, "one": 1}
FEW = {"split": {"validation": 0.3, "test": 0.37}}
EPOCHS = 3  # over a third of the digits, so that even the curve of single examples keeps every point


def roughness(facts: Facts) -> float:
    """Mean distance between the losses of consecutive steps, over the last half of the curve."""
    losses = facts.loss.values[len(facts.loss.values) // 2 :]
    return fmean(abs(b - a) for a, b in pairwise(losses))


def see_three_descents(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers: dict[str, float] = {}
    for name, facts in runs.items():
        numbers[f"{name}_steps"] = facts.loss.steps[-1]
        numbers[f"{name}_loss"] = facts.curve("validation.loss").last
        numbers[f"{name}_rough"] = roughness(facts)
        numbers[f"{name}_seconds"] = facts.seconds
    shown = (
        numbers["full_loss"] > 2 * max(numbers["mini_loss"], numbers["one_loss"])
        and numbers["full_rough"] < numbers["mini_rough"] < numbers["one_rough"]
    )
    return Seen(numbers, shown)


THREE_DESCENTS = Experiment(
    name="three_descents",
    about=("sgd",),
    title="All the data, a batch, one example",
    lines="L353, L388, L395, L408–412",
    claim="Gradient descent takes a part of the data, SGD a batch or one example. SGD needs less memory, converges "
    "quickly, and is unsteady.",
    right="Gradient descent takes all the data in each step, SGD one example, and mini-batch SGD a few. For the same "
    "number of passes over the data, smaller batches take more steps, get further, and are noisier.",
    sentence="Each passes over the data three times. All data in one step, at a learning rate of 0.1: {full_steps} "
    "steps in {full_seconds} s, a validation loss of {full_loss}, and a mean difference of {full_rough} between the "
    "losses of consecutive steps. Batches of 32, at 0.1: {mini_steps} steps in {mini_seconds} s, {mini_loss} and "
    "{mini_rough}. Single examples, at 0.01: {one_steps} steps in {one_seconds} s, {one_loss} and {one_rough}.",
    observe=see_three_descents,
    trials={
        name: Trial(SMALL | FEW | sgd(lr) | {"batch_size": SIZES[name], "stop": {"max_epochs": EPOCHS}})
        for name, lr in (("full", 0.1), ("mini", 0.1), ("one", 0.01))
    },
)

# four_stops

STOPS: dict[str, dict[str, Any]] = {
    "max_steps": {"max_steps": 50},
    "min_parameter_change": {"min_parameter_change": 1e-4},
    "target_loss": {"target_loss": 0.5},
    "diverged": {"divergence": {"factor": 3, "window": 5}},
}


def see_four_stops(_: int, runs: Mapping[str, Facts]) -> Seen:
    numbers = {name: float(facts.loss.steps[-1]) for name, facts in runs.items()}
    return Seen(numbers, shown=all(facts.stop_reason == name for name, facts in runs.items()))


FOUR_STOPS = Experiment(
    name="four_stops",
    title="Four criteria to stop by",
    lines="L373–383",
    claim="Stop after a number of iterations (50), when the parameters hardly change (1e-4), when the loss is low "
    "enough (0.1), or when it diverges.",
    right="True, but only the first criterion is sure to end a run. The others need it in addition.",
    sentence="A linear regression ends at step {max_steps} by the number of iterations, at step {target_loss} by a "
    "loss of 0.5, at step {min_parameter_change} by a change below 1e-4, and, with a learning rate of 2, at step "
    "{diverged} by divergence.",
    observe=see_four_stops,
    trials={
        name: Trial(
            TABLE | network() | sgd(2.0 if name == "diverged" else 0.05) | {"stop": {"max_epochs": 5000} | stop}
        )
        for name, stop in STOPS.items()
    },
)

# same_seed


def see_same_seed(_: int, runs: Mapping[str, Facts]) -> Seen:
    once, again, other = (runs[name] for name in ("once", "again", "another seed"))
    apart = max(abs(a - b) for a, b in zip(once.loss.values, again.loss.values, strict=False))
    elsewhere = max(abs(a - b) for a, b in zip(once.loss.values, other.loss.values, strict=False))
    norms = [[layer["weight_norm"].last for layer in run.learning] for run in (once, again)]
    same = once.metrics == again.metrics and norms[0] == norms[1]
    return Seen({"apart": apart, "elsewhere": elsewhere}, shown=same and apart == 0 < elsewhere)


SAME_SEED = Experiment(
    name="same_seed",
    title="The same seed twice",
    lines="L580–587",
    claim="If the seeds of the generators are fixed, the results can be reproduced.",
    right="True, bit for bit, with the same version of PyTorch, the same processor and the same number of threads: a "
    "run records all of these. The split must be fixed too, and the order of the files (L624) depends on the file "
    "system.",
    sentence="With the same seed, the losses of two runs differ by at most {apart}; with different seeds, by up to "
    "{elsewhere}.",
    observe=see_same_seed,
    trials={
        name: Trial(SMALL | {"batch_size": 32, "stop": {"max_epochs": 3}}, seed_apart=apart)
        for name, apart in (("once", 0), ("again", 0), ("another seed", 1000))
    },
)

EXPERIMENTS = (SIGN, STEP_SIZE, THREE_DESCENTS, FOUR_STOPS, SAME_SEED)
