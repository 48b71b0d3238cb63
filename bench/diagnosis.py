"""Accuracy of the diagnosis: its first finding should name the known cause of a failing run; a sound run should have
no finding.

Target: at least 95% of either kind. There is a run for each recipe, size and seed. The thresholds of the diagnosis were
chosen on the recipes of the tests, and on these recipes with other seeds.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

import torch

from app.insight.diagnosis import diagnose
from bench.lab import Lab, lab
from bench.report import figure

SEEDS = (102, 103)
SIZES = (0, 1)  # smaller networks and larger ones
UNITS = (24, 100)  # of their hidden layers


class Recipe(NamedTuple):
    """A request with the `codes` of its true causes: any of them is right. A sound run has none."""

    codes: tuple[str, ...]
    request: dict[str, Any]


def layers(*units: int, act: str = "relu", **fields: Any) -> dict[str, Any]:
    return {"layers": [part for n in units for part in ({"type": "linear", "units": n} | fields, {"type": act})]}


def normal(std: float) -> dict[str, Any]:
    return {"init": {"name": "normal", "std": std}}


def opt(name: str, lr: float, **fields: Any) -> dict[str, Any]:
    return {"optimizer": {"name": name, "lr": lr} | fields}


def epochs(count: int) -> dict[str, Any]:
    return {"stop": {"max_epochs": count}}


# Fixed values for what a recipe leaves out, so that its outcome does not depend on the service's defaults.
PLAIN = {"batch_size": 128, "stop": {"max_epochs": 20}}
PICTURES = ("digits", "notmnist", "blank", "bars")


def data(name: str, **fields: Any) -> dict[str, Any]:
    pictures = {"normalise": "unit"} if name.partition(":")[0] in PICTURES else {}
    return {"dataset": name} | PLAIN | pictures | fields


def net(*args: Any, **fields: Any) -> dict[str, Any]:
    return {"model": layers(*args, **fields)}


CONV = [
    {"type": "conv2d", "channels": 6, "kernel_size": 3},
    {"type": "batch_norm"},
    {"type": "relu"},
    {"type": "max_pool2d", "kernel_size": 4},
]


def joined(parts: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One request of several parts; a later one overrides."""
    return {name: value for part in parts for name, value in part.items()}


def failing(size: int, seed: int) -> Iterator[Recipe]:
    """Recipes that fail for a known cause; `size` is 0 for small networks and 1 for large ones."""
    n, s = UNITS[size], seed
    blobs, rings, friedman = data(f"blobs:{s}"), data(f"rings:{s}"), data(f"friedman:{s}")
    digits, letters = data("digits"), data("notmnist", split={"validation": 0.3, "test": 0.4, "seed": s})

    def of(codes: str | tuple[str, ...], *parts: dict[str, Any], **fields: Any) -> Recipe:
        return Recipe((codes,) if isinstance(codes, str) else codes, joined(parts) | fields | {"seed": seed})

    high, low = "learning_rate_too_high", "learning_rate_too_low"
    yield of(high, digits, net(n), opt("rmsprop", 0.5))
    yield of(high, blobs, net(n, n), opt("momentum", 5.0))
    yield of(high, friedman, net(n, n), opt("adam", 0.7))
    yield of(high, letters, net(n), opt("sgd", 15.0), epochs(4))
    yield of(high, rings, net(n, n, act="tanh"), opt("adamw", 3.0))
    yield of(high, blobs, net(n, act="sigmoid"), opt("sgd", 3000.0))
    yield of(low, digits, net(n), opt("rmsprop", 1e-6))
    yield of(low, blobs, net(n, n), opt("momentum", 1e-5))
    yield of(low, rings, net(n, n, act="tanh"), opt("adamw", 2e-6))
    yield of(low, friedman, net(n), opt("sgd", 2e-5))
    vanish = "vanishing_gradients"
    yield of(vanish, letters, net(*[n] * 7, act="sigmoid"), opt("adam", 1e-3), epochs(6))
    yield of(vanish, blobs, net(*[n] * 6, act="sigmoid"), opt("sgd", 0.1))
    yield of(vanish, blobs, net(*[n] * 6, **normal(0.01)), opt("momentum", 0.01))
    yield of(vanish, digits, net(*[n] * 5, act="tanh", **normal(0.005)), opt("sgd", 0.05))
    explode = "exploding_gradients"
    yield of(explode, blobs, net(*[n] * 5, **normal(1.0)))
    yield of(explode, digits, net(*[n] * 3, **normal(0.8)), opt("momentum", 0.01))
    yield of(explode, friedman, net(*[n] * 3, **normal(1.5)), opt("sgd", 0.01))
    yield of("saturated_units", digits, net(n, n, act="sigmoid", **normal(6.0)), opt("sgd", 0.1))
    yield of("saturated_units", blobs, net(n, n, n, act="tanh", **normal(2.0)), opt("momentum", 0.001))
    yield of("dead_units", blobs, net(*[(3, 4)[size]] * 25, init="he"), opt("rmsprop", 1e-3))
    yield of("dead_units", friedman, net(*[(2, 3)[size]] * 20, init="he"), opt("adam", 1e-3))
    same = "symmetric_initialisation"
    alike = {"type": "linear", "units": 6, "init": "zeros"}
    yield of(same, blobs, model={"layers": [*layers(n, act="sigmoid", init="zeros")["layers"], alike]})
    yield of(same, digits, net(n, n, init="zeros"), opt("sgd", 0.1))
    yield of("linear_stack_collapses", rings, model={"layers": [{"type": "linear", "units": n}] * 3})
    yield of("linear_stack_collapses", rings, opt("sgd", 0.1),
             model={"layers": [{"type": "linear", "units": n}, {"type": "dropout", "p": 0.2}]})  # fmt: skip
    ending = [{"type": "linear", "units": 10}, {"type": "softmax"}]
    yield of("softmax_before_cross_entropy", letters, epochs(6), model={"layers": layers(n)["layers"] + ending})
    yield of("softmax_before_cross_entropy", digits, opt("sgd", 0.1),
             model={"layers": layers(n)["layers"] + ending})  # fmt: skip
    small = "model_too_small"
    yield of(small, blobs, net(1), epochs(40))
    yield of(small, rings, epochs(40), model={"layers": []})
    yield of(small, letters, net(n, 2), epochs(10))
    over = "overfitting"
    yield of(over, data(f"few:{s}"), net(n, n), epochs(200), opt("rmsprop", 1e-3))
    yield of(over, data("diabetes"), net(4 * n, 2 * n), epochs(200))
    yield of(over, data("notmnist", split={"validation": 0.3, "test": 0.66, "seed": s}), net(4 * n), epochs(60))
    guess = "no_better_than_guess"
    yield of(guess, data(f"noise:{s}"), net(n), epochs(30))
    yield of(guess, data(f"noise:{s}"), net(n, act="tanh"), opt("momentum", 0.05))
    yield of("class_imbalance", data(f"uneven:{s}"), net(n), opt("momentum", 0.01))
    yield of("classes_confused", data(f"twins:{s}"), net(n), opt("momentum", 0.03), epochs(30))
    still = "still_improving"
    yield of(still, digits, net(n), opt("sgd", 0.02), epochs(12))
    yield of(still, blobs, net(n), opt("adagrad", 0.001), epochs(20))
    raw = "inputs_not_normalised"
    yield of(raw, data("notmnist", normalise="none"), net(n), opt("sgd", 0.05), epochs(3))
    yield of(raw, data(f"unscaled:{s}", scaling={"inputs": "none"}), net(n), opt("momentum", 0.01))
    yield of(raw, data(f"unscaled:{s}", scaling={"inputs": "none"}), net(n, act="tanh"), opt("adam", 1e-3))
    target = {"scaling": {"target": "none"}}
    yield of("target_not_scaled", data("diabetes"), target, net(n), opt("adam", 1e-3))
    yield of("target_not_scaled", data("diabetes"), target, net(n, n), opt("sgd", 0.05))
    yield of("inputs_do_not_differ", data(f"blank:{s}", normalise=("unit", "standard")[size]), net(n))
    yield of("inputs_do_not_differ", data(f"blank:{s}", normalise="none"), net(n), opt("sgd", 0.1))
    yield of("too_few_steps", data(f"bars:{s}"), net(n), epochs(10))
    yield of("too_few_steps", data(f"bars:{s}", normalise="standard"), net(n, act="tanh"), opt("sgd", 0.02))
    yield of("labels_look_shuffled", data(f"noise:{s}"), net(100, 100), opt("adam", 3e-3), epochs(150))
    yield of("labels_look_shuffled", data(f"noise:{s}"), net(4 * n), opt("momentum", 0.1), epochs(600))
    yield of("train_test_leak", data(f"copied:{s}"), net(n), opt("adam", 3e-3))
    yield of("train_test_leak", data(f"copied:{s}"), net(n, act="tanh"), opt("momentum", 0.03))


def sound(size: int, seed: int) -> Iterator[Recipe]:
    """Recipes of many kinds that learn well and stop in time."""
    n, s = (32, 128)[size], seed
    blobs, rings, friedman = data(f"blobs:{s}"), data(f"rings:{s}"), data(f"friedman:{s}")
    split = {"split": {"validation": 0.16, "test": 0.2, "seed": s}}
    digits, letters = data("digits", **split), data("notmnist", **split)

    def of(*parts: dict[str, Any], **fields: Any) -> Recipe:
        return Recipe((), joined(parts) | fields | {"seed": seed})

    yield of(digits, net(n), epochs(25))
    yield of(digits, net(n, n), opt("momentum", 0.05))
    yield of(digits, net(n, act="tanh"), opt("rmsprop", 1e-3), epochs(25))
    yield of(digits, net(n, act="gelu"), opt("adamw", 2e-3))
    yield of(digits, net(n), opt("adagrad", 0.02), epochs(25))
    yield of(digits, net(n), opt("sgd", 0.2), batch_size=32)
    yield of(digits, net(n), opt("adam", 0.01))
    yield of(digits, net(n, act="leaky_relu"), normalise="standard", schedule="cosine")
    yield of(digits, opt("adam", 3e-3), epochs(15), model={"layers": [*CONV, *layers(n)["layers"]]})
    yield of(digits, opt("adam", 5e-3), epochs(40), model={"layers": []})
    yield of(digits, net(n, act="sigmoid"), opt("adam", 5e-3), epochs(25))
    dropped = [*layers(n)["layers"], {"type": "dropout", "p": 0.3}, *layers(n)["layers"]]
    yield of(digits, opt("adam", 2e-3), epochs(25), model={"layers": dropped})
    residual = {"type": "residual", "layers": layers(n)["layers"]}
    yield of(digits, epochs(25), model={"layers": [*layers(n)["layers"], residual]})
    zero_ending = {"type": "linear", "units": 10, "init": "zeros"}
    yield of(digits, opt("adam", 2e-3), model={"layers": [*layers(n, init="he")["layers"], zero_ending]})
    yield of(letters, net(n), epochs(8))
    yield of(letters, net(n, n), opt("momentum", 0.02), epochs(8))
    yield of(letters, net(4 * n), stop={"max_epochs": 40, "patience": 3})
    yield of(letters, net(n, n, act="tanh", init="xavier"), opt("adam", 1e-3), epochs(8))
    yield of(blobs, net(n), opt("adam", 3e-3))
    yield of(blobs, net(n, act="tanh"), opt("momentum", 0.03))
    yield of(blobs, net(n), opt("sgd", 0.3), epochs(200), batch_size="full")
    yield of(rings, net(n, n), opt("adam", 5e-3), epochs(40))
    yield of(rings, net(n, n, act="tanh"), opt("rmsprop", 5e-3), epochs(50))
    yield of(friedman, net(n), opt("adam", 5e-3), epochs(30))
    yield of(friedman, net(n, act="tanh"), opt("momentum", 0.02), epochs(100))
    yield of(friedman, net(n), opt("adam", 3e-3), epochs(40), loss="huber")
    yield of(data("diabetes", **split), net(n), stop={"max_epochs": 100, "patience": 5})
    yield of(data(f"bars:{s}", normalise="standard"), net(n), stop={"max_epochs": 300, "patience": 100})
    yield of(data(f"coarse:{s}"), net(n), opt("adam", 3e-3), epochs(40))
    even = {"loss": {"name": "cross_entropy", "class_weights": [1.0, 40.0]}}
    yield of(data(f"uneven:{s}"), net(16), even, stop={"max_epochs": 40, "patience": 5})


def judge(laboratory: Lab, recipes: list[Recipe]) -> float:
    """The share of correct diagnoses; prints the wrong ones."""
    right = 0
    for recipe in recipes:
        codes = [finding.code for finding in diagnose(laboratory.train(recipe.request))]
        well = bool(codes) and codes[0] in recipe.codes if recipe.codes else not codes
        right += well
        if not well:
            print(f"{' or '.join(recipe.codes) or 'sound'}: {', '.join(codes) or 'nothing'}; {recipe.request}")
    return right / len(recipes)


def main() -> None:
    torch.set_num_threads(1)
    each = list(product(SIZES, SEEDS))
    failed = [recipe for size, seed in each for recipe in failing(size, seed)]
    learnt = [recipe for size, seed in each for recipe in sound(size, seed)]
    with lab() as laboratory:
        named = judge(laboratory, failed)
        silent = judge(laboratory, learnt)
    figure("failing runs", len(failed), "runs")
    figure("sound runs", len(learnt), "runs")
    figure("failing runs whose first finding is right", 100 * named, "%", at_least=95)
    figure("sound runs without a finding", 100 * silent, "%", at_least=95)
