"""Experiments on momentum, AdaGrad, RMSProp and Adam (L419–530), computed without runs."""

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch.nn import Parameter

from app.insight.diagnosis.facts import Facts
from app.insight.experiments.experiment import Experiment, Seen
from app.insight.surfaces.functions import Plateau, Quadratic, Surface
from app.insight.surfaces.trajectory import Path, Spike, gaussian_noise, walk
from app.learning.optimizers import SGD, AdaGrad, Adam, LectureAdam, Momentum, Optimizer, RMSProp

NOISE = 0.01  # standard deviation, as of small batches; it makes the seeds differ


def path(surface: Surface, optimizer: Optimizer, steps: int, seed: int, spike: Spike | None = None) -> Path:
    """Path from the surface's usual start."""
    return walk(surface, surface.start, optimizer, gaussian_noise(NOISE, steps, seed), spike)


# momentum


def swings(walked: Path) -> int:
    """Number of times that the path crosses the floor of the ravine, y = 0, at a distance of 0.1 or more."""
    sides = [y > 0 for _, y in walked.points if abs(y) > 0.1]
    return sum(a != b for a, b in pairwise(sides))


def arrival(walked: Path, value: float) -> float:
    """First step at which the surface is below `value`; the length of the path if it never is."""
    return next((step for step, here in enumerate(walked.values) if here < value), len(walked.values))


def see_momentum(seed: int, _: Mapping[str, Facts]) -> Seen:
    ravine, plateau = Quadratic(condition=100.0), Plateau()
    plain, fast = (path(ravine, optimizer, 200, seed) for optimizer in (SGD(lr=0.005), Momentum(lr=0.005)))
    damped = path(ravine, Momentum(lr=0.005, dampening=0.9), 200, seed)
    others = [path(ravine, Momentum(lr=0.005, momentum=μ), 200, seed) for μ in (0.5, 0.99)]
    stretched = path(ravine, Momentum(lr=0.05, dampening=0.9), 200, seed)
    flat = [path(plateau, optimizer, 1200, seed) for optimizer in (SGD(lr=0.1), Momentum(lr=0.1))]
    numbers = {
        "swings_plain": swings(plain),
        "swings": swings(fast),
        "value_plain": plain.values[120],
        "value": fast.values[120],
        "value_half": others[0].values[120],
        "value_long": others[1].values[120],
        "swings_long": swings(others[1]),
        "value_damped": damped.values[120],
        "value_stretched": stretched.values[120],
        "plateau_plain": arrival(flat[0], 0.5),
        "plateau": arrival(flat[1], 0.5),
    }
    shown = (
        numbers["swings"] > numbers["swings_plain"]
        and numbers["value"] < numbers["value_plain"] / 5
        and numbers["value_damped"] > numbers["value"]
        and numbers["swings_long"] > numbers["swings"]
        and min(numbers["value_half"], numbers["value_long"]) > numbers["value"]
        and numbers["plateau"] < numbers["plateau_plain"] / 2
    )
    return Seen(numbers, shown)


MOMENTUM = Experiment(
    name="momentum",
    about=("momentum", "sgd"),
    title="Momentum in a ravine and on a plateau",
    lines="L425–446",
    claim="The old velocity has the weight 0.9 and the new gradient 0.1. Momentum may overshoot, above all on a "
    "plateau, and may lower the learning rate too fast.",
    right="Momentum overshoots in a valley, where the gradient changes direction; on a plateau it is what helps. It "
    "does not lower the learning rate: with 0.9/1 the steps grow up to tenfold, and with 0.9/0.1 they are about as "
    "long as those of plain descent.",
    sentence="In a ravine, momentum with μ = 0.9 swings across {swings} times, plain descent {swings_plain} times. "
    "After 120 steps, momentum is at a height of {value} and plain descent at {value_plain}; μ = 0.5 is at "
    "{value_half}, μ = 0.99, which still swings, at {value_long}, and the lecture's 0.9/0.1 at {value_damped} "
    "({value_stretched} with ten times the learning rate). Momentum leaves the plateau in {plateau} steps, plain "
    "descent in {plateau_plain}.",
    observe=see_momentum,
)

# outlier_gradient


def see_outlier_gradient(seed: int, _: Mapping[str, Facts]) -> Seen:
    bowl, spike = Quadratic(condition=1.0), Spike(step=5, factor=1000.0)
    of: dict[str, Optimizer] = {
        "adagrad": AdaGrad(lr=0.5),
        "rmsprop": RMSProp(lr=0.5, alpha=0.9),
        "adam": Adam(lr=0.5, betas=(0.9, 0.9)),
        "long": Adam(lr=0.5),
    }
    numbers = {}
    for name, optimizer in of.items():
        for suffix, outlier in (("", None), ("_spiked", spike)):
            x, y = path(bowl, optimizer, 400, seed, outlier).points[-1]
            numbers[f"{name}{suffix}"] = (x * x + y * y) ** 0.5
    shown = numbers["adagrad_spiked"] > 3 and numbers["adagrad"] < 1 and numbers["rmsprop_spiked"] < 1
    return Seen(numbers, shown and numbers["adam_spiked"] < 1)


OUTLIER_GRADIENT = Experiment(
    name="outlier_gradient",
    about=("adagrad", "rmsprop", "adam"),
    title="One outlier",
    lines="L455, L461–469",
    claim="AdaGrad keeps a large gradient in its sum forever, which slows it down, or makes it diverge or overfit; "
    "RMSProp forgets it.",
    right="AdaGrad stalls: the divisor of its learning rate only grows, so the outlier can make it neither diverge nor "
    "overfit. RMSProp and Adam forget, and the sooner the shorter their memory of squares is: Adam's default of 0.999 "
    "remembers thousands of steps.",
    sentence="In a bowl, from a distance of 10, 400 steps end at these distances from the minimum, without and with a "
    "fifth gradient that is a thousand times too large. AdaGrad: {adagrad} and {adagrad_spiked}; RMSProp (memory 0.9): "
    "{rmsprop} and {rmsprop_spiked}; Adam (0.9): {adam} and {adam_spiked}; Adam (0.999): {long} and {long_spiked}.",
    observe=see_outlier_gradient,
)

# adam_variants


def step_sizes(optimizer: Optimizer, gradient: float, steps: int) -> list[float]:
    """Length of each step under a constant gradient, as a multiple of the learning rate."""
    θ = Parameter(torch.zeros(1, dtype=torch.float64))
    stepping, sizes, before = optimizer.build([θ]), [], 0.0
    for _ in range(steps):
        θ.grad = torch.full_like(θ, gradient)
        stepping.step()
        sizes.append(abs(θ.item() - before) / optimizer.lr)
        before = θ.item()
    return sizes


def see_adam_variants(seed: int, _: Mapping[str, Facts]) -> Seen:
    gradient = 1.0 + seed  # its size makes no difference to the steps
    paper = step_sizes(Adam(), gradient, 200)
    slow = step_sizes(LectureAdam(betas=(0.9, 0.999)), gradient, 200)
    quick = step_sizes(LectureAdam(), gradient, 200)
    numbers = {
        "paper_1": paper[0],
        "paper_200": paper[199],
        "slow_1": slow[0],
        "slow_12": slow[11],
        "slow_200": slow[199],
        "quick_1": quick[0],
        "quick_200": quick[199],
        "outside": step_sizes(Adam(), 1e-5, 200)[199],
        "inside": step_sizes(LectureAdam(), 1e-5, 200)[199],
    }
    shown = (
        all(abs(size - 1) < 1e-6 for size in paper)
        and slow[11] > 6
        and max(quick) <= 1 + 1e-6
        and numbers["inside"] < 0.2 < numbers["outside"]
    )
    curves = {"paper": paper, "uncorrected, 0.999": slow, "uncorrected, 0.9": quick}
    return Seen(numbers, shown, details={"step_sizes": curves})


ADAM_VARIANTS = Experiment(
    name="adam_variants",
    about=("adam",),
    title="Adam as written and as published",
    lines="L496–528",
    claim="v and g start somewhere and are averaged with 0.9 and μ = 0.9, and θ moves by η/√(g + ε) · v.",
    right="Both averages start at zero and are too small at first, so the paper divides them by 1 − βᵗ. Its memory of "
    "squares is 0.999, and its ε is outside the root: inside, 1e-8 acts like 1e-4 outside.",
    sentence="With a constant gradient, each step of the paper's Adam is {paper_1} η long. Without the correction, the "
    "first step with 0.999 is {slow_1} η long, the twelfth {slow_12} η and the 200th {slow_200} η; with the lecture's "
    "0.9, the steps grow from {quick_1} η to {quick_200} η. At a gradient of 1e-5, the steps are {outside} η long with "
    "ε outside the root, and {inside} η with ε inside.",
    observe=see_adam_variants,
)

EXPERIMENTS = (MOMENTUM, OUTLIER_GRADIENT, ADAM_VARIANTS)
