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
    claim="θ ← θ + η∇L, and the gradient shows the direction of the greatest decrease.",
    right="The gradient shows the direction of the greatest increase, so one goes against it: θ ← θ − η∇L, as the "
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
    claim="Too large a step jumps over the minimum, too small a step takes very long.",
    right="So it is: the learning rate is the first thing to try, by powers of ten.",
    sentence="After 10 epochs, {small} of the test digits are right with a learning rate of 0.0005, {right} with 0.2 "
    "and {large} with 20.",
    observe=see_step_size,
    trials={
        name: Trial(SMALL | sgd(lr) | {"batch_size": 32, "stop": {"max_epochs": 10}})
        for name, lr in (("small", 0.0005), ("right", 0.2), ("large", 20.0))
    },
)

# three_descents

SIZES: dict[str, int | str] = {"full": "full", "mini": 32, "one": 1}
FEW = {"split": {"validation": 0.3, "test": 0.37}}
EPOCHS = 3  # of a third of the digits, so that one at a time makes a curve that is kept with every point


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
    claim="Gradient descent takes a part of the data, SGD a batch, or one example; SGD needs less memory, converges "
    "quickly, and is unsteady.",
    right="Gradient descent takes all the data in each step, SGD one example, mini-batch SGD a few. For the same "
    "number of passes over the data, smaller batches take more steps, come further and are noisier.",
    sentence="Each passes over the data three times. All in one step, at a learning rate of 0.1: {full_steps} steps in"
    " {full_seconds} s, a validation loss of {full_loss}, and from step to step {full_rough} of difference. 32 at a "
    "time, at 0.1: {mini_steps} in {mini_seconds} s, {mini_loss}, {mini_rough}. One at a time, at 0.01: {one_steps} in"
    " {one_seconds} s, {one_loss}, {one_rough}.",
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
    claim="A number of iterations (50), parameters that hardly change (1e-4), a loss that is low enough (0.1), "
    "divergence.",
    right="So it is. Only the first is sure to end a run: the others need it beside them.",
    sentence="A linear regression ends at step {max_steps} by the number of iterations, at {target_loss} by a loss of "
    "0.5, at {min_parameter_change} by a change below 1e-4, and, with a learning rate of 2, at {diverged} because it "
    "diverges.",
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
    claim="With the generators' seeds fixed, the results can be had again.",
    right="So it is, bit for bit, with the same version of PyTorch, the same processor and as many threads: a run "
    "keeps all of these. The split must be fixed too, and the order of the files (L624) is the file system's.",
    sentence="With the same seed no loss of two runs differs (by {apart} at most), with another one by up to "
    "{elsewhere}.",
    observe=see_same_seed,
    trials={
        name: Trial(SMALL | {"batch_size": 32, "stop": {"max_epochs": 3}}, seed_apart=apart)
        for name, apart in (("once", 0), ("again", 0), ("another seed", 1000))
    },
)

EXPERIMENTS = (SIGN, STEP_SIZE, THREE_DESCENTS, FOUR_STOPS, SAME_SEED)
