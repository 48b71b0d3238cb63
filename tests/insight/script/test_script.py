"""A run's script has the same results as the run, for every kind of run. An entry without a script fails here."""

import ast
import itertools
import random
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_digits

from app.datasets.arrays import Arrays
from app.insight.script.criteria import CRITERIA
from app.learning.layers import LAYERS
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES
from app.learning.stopping import Stop
from tests.insight.script.scripts import Examples, assert_alike, assert_formatted, side_by_side

Request = dict[str, Any]

DENSE: list[Request] = [{"type": "linear", "units": 12}, {"type": "tanh"}]
CONV: list[Request] = [{"type": "conv2d", "channels": 4}, {"type": "relu"}]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Examples:
    """Small datasets of each kind: grey and coloured pictures, tables for several classes, for two classes, and for
    values."""
    found = Examples(tmp_path_factory.mktemp("beside"))
    digits, table = load_digits(), load_diabetes(scaled=False)
    grey = (digits.images[:300] * 15.9).astype(np.uint8)[:, None]
    found.add("grey", Arrays(grey, digits.target[:300].astype(np.int64), tuple("0123456789")))
    colours = np.concatenate([grey, 255 - grey, grey // 2], 1)
    found.add("colours", Arrays(colours, digits.target[:300].astype(np.int64), tuple("0123456789")))
    rows = digits.data[:300].astype(np.float32)  # some columns are constant
    found.add("classes", Arrays(rows, digits.target[:300].astype(np.int64), tuple("0123456789")))
    found.add("two", Arrays(rows, (digits.target[:300] > 4).astype(np.int64), ("small", "large")))
    own = np.arange(300) % 5
    for name, parts in (("own", np.where(own == 4, 2, 0)), ("own of three", np.array([0, 0, 0, 1, 2])[own])):
        labels = digits.target[:300].astype(np.int64)
        found.add(name, Arrays(grey, labels, tuple("0123456789"), parts=parts.astype(np.uint8)))
    gaps = table.data.astype(np.float32)
    gaps[::3, 1], gaps[1::5, 4] = np.nan, np.nan
    found.add("gaps", Arrays(gaps, table.target.astype(np.float32)))
    found.add("values", Arrays(table.data.astype(np.float32), table.target.astype(np.float32)))
    return found


def check(examples: Examples, request: Request) -> str:
    """Check the script of the request against its run; returns the script."""
    pair = side_by_side(examples, {"stop": {"max_epochs": 4}, "batch_size": 32} | request)
    assert_formatted(pair.text)
    assert_alike(pair)
    return pair.text


OF_LAYERS: dict[str, tuple[str, list[Request]]] = {  # layers that need fields, or other neighbours
    "linear": ("grey", DENSE),
    "conv2d": ("colours", [*CONV, {"type": "conv2d", "channels": 4, "kernel_size": 1, "stride": 2, "padding": 1},
                           {"type": "conv2d", "channels": 3, "stride": 2, "bias": False}]),
    "max_pool2d": ("grey", [*CONV, {"type": "max_pool2d"}, {"type": "max_pool2d", "kernel_size": 3, "stride": 1}]),
    "avg_pool2d": ("grey", [*CONV, {"type": "avg_pool2d"}]),
    "leaky_relu": ("classes", [DENSE[0], {"type": "leaky_relu", "slope": 0.2}]),
    "softmax": ("grey", [*CONV, {"type": "softmax"}, {"type": "linear", "units": 10}, {"type": "softmax"}]),
    "square": ("classes", [DENSE[0], {"type": "square"}]),
    "log": ("classes", [DENSE[0], {"type": "sigmoid"}, {"type": "log"}]),
    "dropout": ("colours", [*CONV, {"type": "dropout", "p": 0.3}, *DENSE, {"type": "dropout"}]),
    "batch_norm": ("colours", [*CONV, {"type": "batch_norm"}, *DENSE, {"type": "batch_norm", "eps": 0.001}]),
    "flatten": ("grey", [{"type": "flatten"}, *DENSE]),
    "block": ("grey", [{"type": "block", "repeat": 3, "layers": [*CONV, {"type": "block", "repeat": 2, "layers": CONV}]
                        }, {"type": "block", "repeat": 4, "layers": DENSE}]),
    "residual": ("colours", [*CONV, {"type": "residual", "layers": CONV},
                             {"type": "residual", "layers": [{"type": "conv2d", "channels": 6, "stride": 2}]},
                             {"type": "flatten"}, {"type": "residual", "layers": DENSE}]),
}  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS)
def test_a_script_has_every_layer(examples: Examples, layer: str) -> None:
    dataset, layers = OF_LAYERS.get(layer, ("grey", [CONV[0], {"type": layer}, DENSE[0], {"type": layer}]))
    check(examples, {"dataset": dataset, "model": {"layers": layers}})


@pytest.mark.long
def test_batch_norm_finds_no_bit_that_is_another(examples: Examples) -> None:
    """Batch norm would amplify a difference in the last bit to the third digit within ten steps of Adam."""
    layers = [CONV[0], {"type": "batch_norm"}, CONV[1], *DENSE]
    pair = side_by_side(examples, {"dataset": "colours", "model": {"layers": layers}, "batch_size": 32})
    assert pair.script.losses == pair.run.losses


@pytest.mark.parametrize("init", ["xavier", "he", "zeros", {"name": "normal", "std": 0.02}], ids=str)
def test_weights_begin_as_in_the_run(examples: Examples, init: Any) -> None:
    layers = [CONV[0] | {"init": init}, CONV[1], DENSE[0] | {"init": init, "bias": False}, DENSE[1]]
    check(examples, {"dataset": "grey", "model": {"layers": layers}})


def test_layers_that_learn_slower_or_not_at_all_do_so_in_the_script(examples: Examples) -> None:
    slow = CONV[0] | {"lr_factor": 0.1, "init": "he"}
    layers = [CONV[0] | {"trainable": False}, CONV[1], slow, {"type": "batch_norm", "lr_factor": 3}, *DENSE]
    for optimizer in ("adam", "sgd"):
        named = {"name": optimizer, "weight_decay": 0.01}
        check(examples, {"dataset": "grey", "model": {"layers": layers}, "optimizer": named, "schedule": "cosine"})


OPTIMIZERS_OF_RUNS: list[Request] = [
    *({"name": name} for name in OPTIMIZERS),
    *({"name": name, "formulas": "lecture"} for name in LECTURE_FORMS),
    {"name": "momentum", "nesterov": True, "weight_decay": 0.01},
    {"name": "momentum", "dampening": 0.9, "formulas": "lecture"},
    {"name": "adam", "betas": [0.5, 0.99], "eps": 1e-4, "lr": 1e-3},
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS_OF_RUNS, ids=lambda chosen: "-".join(map(str, chosen.values())))
def test_a_script_has_every_optimizer(examples: Examples, optimizer: Request) -> None:
    check(examples, {"dataset": "classes", "optimizer": optimizer})


OF_SCHEDULES: dict[str, Request] = {
    "constant": {"warmup": 10},
    "step": {"every": 5, "gamma": 0.5, "warmup": 3},
    "cosine": {"floor": 0.1, "warmup": 7},
    "one_cycle": {"warmup": 4},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("stop", [{}, {"max_steps": 25}, {"max_epochs": None, "max_steps": 30}], ids=str)
def test_a_script_has_every_schedule(examples: Examples, schedule: str, stop: Request) -> None:
    needed = {"every": 6} if schedule == "step" else {}
    for chosen in ({"name": schedule} | needed, {"name": schedule} | OF_SCHEDULES[schedule]):
        stops = {"max_epochs": 4} | stop
        check(examples, {"dataset": "classes", "model": {"layers": DENSE}, "schedule": chosen, "stop": stops})
    check(examples, {"dataset": "classes", "batch_size": "full", "schedule": chosen, "stop": stops})


OF_LOSSES: dict[str, tuple[str, Request]] = {
    "cross_entropy": ("two", {"label_smoothing": 0.1, "class_weights": [0.3, 3.0]}),
    "binary_cross_entropy": ("two", {"threshold": 0.3}),
    "mse": ("values", {}),
    "mae": ("values", {}),
    "huber": ("values", {"delta": 0.5}),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_script_has_every_loss(examples: Examples, loss: str) -> None:
    dataset, options = OF_LOSSES[loss]
    check(examples, {"dataset": dataset, "loss": loss})
    named = {"name": loss, "reduction": "sum"} | options
    check(examples, {"dataset": dataset, "loss": named, "optimizer": {"name": "sgd", "lr": 1e-3}})
    if dataset == "values":
        for scaling in ({"inputs": "none", "target": "standard"}, {"inputs": "standard", "target": "none"}):
            check(examples, {"dataset": dataset, "loss": loss, "scaling": scaling})


def test_many_class_weights_and_a_network_s_own_sigmoid_are_understood(examples: Examples) -> None:
    weights = [round(1 + 0.123 * i, 3) for i in range(10)]
    check(examples, {"dataset": "classes", "loss": {"name": "cross_entropy", "class_weights": weights}})
    own = [{"type": "linear", "units": 1}, {"type": "sigmoid"}]
    check(examples, {"dataset": "two", "loss": {"name": "binary_cross_entropy", "threshold": 0.6},
                     "model": {"layers": own}})  # fmt: skip


OF_CRITERIA: dict[str, list[Request]] = {
    "max_epochs": [{"max_epochs": 3}],
    "max_steps": [{"max_steps": 17}, {"max_epochs": None, "max_steps": 17}, {"max_steps": 1000}],
    "max_seconds": [{"max_seconds": 1000, "max_epochs": 2}],
    "min_parameter_change": [{"min_parameter_change": 0.004, "max_epochs": 100},
                             {"min_parameter_change": {"threshold": 0.05, "norm": "l2"}, "max_epochs": 100}],
    "target_loss": [{"target_loss": 1.0, "max_epochs": 100}, {"target_loss": {"value": 0.8, "window": 1}},
                    {"target_loss": {"value": 1.0, "part": "validation"}, "max_epochs": 100, "max_steps": 1000}],
    "patience": [{"patience": 2, "max_epochs": 60},
                 {"patience": {"epochs": 3, "part": "train"}, "max_steps": 20}],
    "divergence": [{"divergence": {"factor": 5, "window": 3}}, {"divergence": None}],
}  # fmt: skip


@pytest.mark.parametrize("batch_size", [32, "full"])
@pytest.mark.parametrize("criterion", CRITERIA)
def test_a_script_ends_by_every_criterion_at_the_same_step(examples: Examples, criterion: str, batch_size: Any) -> None:
    for stop in OF_CRITERIA[criterion]:
        optimizer = {"name": "adam", "lr": 0.01}
        check(examples, {"dataset": "classes", "batch_size": batch_size, "stop": stop, "optimizer": optimizer})


@pytest.mark.parametrize("dataset", ["grey", "two", "values"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_script_diverges_where_the_run_did(examples: Examples, dataset: str, reduction: str) -> None:
    losses = {"grey": ["cross_entropy"], "two": ["binary_cross_entropy"], "values": ["mse", "mae", "huber"]}[dataset]
    for loss in losses:
        stop = {"divergence": {"factor": 2, "window": 4}, "max_epochs": 30}
        request = {"dataset": dataset, "loss": {"name": loss, "reduction": reduction}, "batch_size": 32, "stop": stop}
        pair = side_by_side(examples, request | {"optimizer": {"name": "sgd", "lr": 30.0}})
        assert_formatted(pair.text)
        assert pair.stop_reason == "diverged"
        assert len(pair.script.losses) == len(pair.run.losses)


def test_every_criterion_has_its_code() -> None:
    assert list(CRITERIA) == [field.name for field in fields(Stop)]


@pytest.mark.parametrize("stop_reason", ["max_seconds", "cancelled"])
def test_a_run_that_the_clock_ended_ends_at_its_step(examples: Examples, stop_reason: str) -> None:
    stop = {"max_seconds": 1000, "max_epochs": 100, "max_steps": 23}
    for batch_size in (32, "full"):
        request = {"dataset": "classes", "batch_size": batch_size, "stop": stop, "schedule": "cosine"}
        pair = side_by_side(examples, request, stop_reason=stop_reason)
        assert_formatted(pair.text)
        assert "monotonic" not in pair.text
        assert_alike(pair)
    seconds_alone = {"max_seconds": 0.1, "max_epochs": None, "patience": 5}
    for batch_size in (32, "full"):
        request = {"dataset": "classes", "batch_size": batch_size, "stop": seconds_alone}
        assert_alike(side_by_side(examples, request))  # limited by the number of its steps
        unknown = side_by_side(examples, request, stop_reason=None, play=False)
        assert "time.monotonic() - began >= 0.1" in unknown.text
        assert_formatted(unknown.text)


@pytest.mark.parametrize("dataset", ["grey", "classes", "values"])
@pytest.mark.parametrize("validation", [0.0, 0.16])
@pytest.mark.parametrize("test", [0.0, 0.2])
def test_the_parts_are_the_run_s(examples: Examples, dataset: str, validation: float, test: float) -> None:
    split = {"validation": validation, "test": test, "seed": 2**40 + 3, "stratify": False}
    check(examples, {"dataset": dataset, "split": split, "seed": 5})


@pytest.mark.parametrize(
    ("dataset", "split"),
    [
        ("grey", {"test": 60, "validation": 40}),
        ("grey", {"test": 60, "validation": 0.1}),
        ("grey", {"test": 0.2, "validation": 40, "stratify": False}),
        ("grey", {"test": 0, "validation": 50}),
        ("classes", {"folds": 4, "fold": 2, "seed": 7}),
        ("values", {"folds": 3, "fold": 0, "validation": 0}),
        ("values", {"folds": 3, "fold": 1, "validation": 30}),
        ("own", {}),
        ("own", {"validation": 0}),
        ("own", {"validation": 50, "seed": 3}),
        ("own", {"own": False}),
        ("own of three", {}),
    ],
    ids=str,
)
def test_the_parts_are_the_run_s_however_it_was_split(examples: Examples, dataset: str, split: Request) -> None:
    check(examples, {"dataset": dataset, "split": split})


@pytest.mark.parametrize("scaling", ["standard", "none"])
def test_what_is_missing_counts_as_in_the_run(examples: Examples, scaling: str) -> None:
    text = check(examples, {"dataset": "gaps", "scaling": {"inputs": scaling, "target": "standard"},
                            "optimizer": {"name": "adam", "lr": 1e-3}})  # fmt: skip
    assert "np.isnan(x)" in text and "nanmean" in text


@pytest.mark.parametrize(
    "options",
    [
        {"normalise": "standard"},
        {"normalise": "none", "optimizer": {"name": "sgd", "lr": 1e-6}},
        {"clip_norm": 0.5},
        {"accumulate": 4, "batch_size": 16},
        {"accumulate": 4, "batch_size": 16, "loss": {"name": "cross_entropy", "class_weights": [20, *[1] * 9]}},
        {"accumulate": 3, "batch_size": 10, "clip_norm": 1, "schedule": "cosine",
         "loss": {"name": "cross_entropy", "reduction": "sum"}, "optimizer": {"name": "sgd", "lr": 1e-3}},
        {"batch_size": 192 // 2 - 1, "model": {"layers": [*DENSE, {"type": "batch_norm"}]}},  # a last batch of one
        {"batch_size": 5, "accumulate": 3, "model": {"layers": [*DENSE, {"type": "batch_norm"}]},
         "stop": {"max_steps": 20, "patience": 1}},
        {"batch_size": "full", "model": {"layers": [*DENSE, {"type": "dropout"}]}},
        {"batch_size": 1, "stop": {"max_steps": 50}},
        {"name": "the letters, baseline"},
    ],
    ids=str,
)  # fmt: skip
def test_a_script_has_every_option(examples: Examples, options: Request) -> None:
    check(examples, {"dataset": "grey", "model": {"layers": DENSE}} | options)


EVERY_CHANGE = {"shift": 0.1, "rotate": 15, "scale": 0.1, "noise": 0.05, "erase": 0.2}


@pytest.mark.parametrize(
    "options",
    [
        *({"augment": {name: value}} for name, value in EVERY_CHANGE.items()),
        *({"augment": EVERY_CHANGE, "normalise": kind, "optimizer": {"name": "sgd", "lr": lr}}
          for kind, lr in (("standard", 0.1), ("none", 1e-6))),
        {"augment": EVERY_CHANGE, "batch_size": "full", "seed": 2**63 - 1},
        {"augment": EVERY_CHANGE, "batch_size": 16, "accumulate": 3, "stop": {"max_steps": 9, "patience": 1}},
        {"augment": EVERY_CHANGE, "dataset": "colours", "model": {"layers": [*CONV, {"type": "dropout"}, *DENSE]}},
    ],
    ids=str,
)  # fmt: skip
def test_a_script_changes_the_pictures_as_the_run_did(examples: Examples, options: Request) -> None:
    text = check(examples, {"dataset": "grey", "model": {"layers": DENSE}} | options)
    asked = options["augment"].keys()
    found = {"moved": asked & {"shift", "rotate", "scale"}, "erased": asked & {"erase"}, "noisy": asked & {"noise"}}
    assert all((f"def {name}(" in text) == bool(wanted) for name, wanted in found.items())


def test_a_script_with_changes_in_bf16_is_as_the_run_s_within_its_own_rounding(examples: Examples) -> None:
    pair = side_by_side(examples, {"dataset": "colours", "model": {"layers": CONV}, "precision": "bf16",
                                   "augment": EVERY_CHANGE, "stop": {"max_epochs": 2}})  # fmt: skip
    assert_formatted(pair.text)
    np.testing.assert_allclose(pair.script.losses, pair.run.losses, atol=1e-2)


def test_bf16_is_as_the_run_s_within_its_own_rounding(examples: Examples) -> None:
    pair = side_by_side(examples, {"dataset": "colours", "model": {"layers": CONV}, "precision": "bf16",
                                   "stop": {"max_epochs": 2}})  # fmt: skip
    assert_formatted(pair.text)
    np.testing.assert_allclose(pair.script.losses, pair.run.losses, atol=1e-2)


def test_a_run_on_a_gpu_goes_there_where_there_is_one(examples: Examples) -> None:
    pair = side_by_side(examples, {"dataset": "values", "stop": {"max_epochs": 2}}, device="cuda")
    assert_formatted(pair.text)
    assert 'device = "cuda" if torch.cuda.is_available() else "cpu"' in pair.text
    assert_alike(pair)


@pytest.mark.parametrize(
    "name", ['"""\nimport os\nos.abort()\n"""', "\\", "\\N", 'a"', "\u2028x", "é" * 200, "...", "\ud800", "\x07"]
)
def test_a_name_cannot_become_code(examples: Examples, name: str) -> None:
    pair = side_by_side(examples, {"dataset": "values"}, name=name, play=False)
    usual = side_by_side(examples, {"dataset": "values"}, play=False)
    pair.text.encode()
    assert_formatted(pair.text)
    assert ast.dump(ast.Module(ast.parse(pair.text).body[1:], [])) == ast.dump(
        ast.Module(ast.parse(usual.text).body[1:], [])
    )


def test_a_script_needs_nothing_of_antigrad_and_is_of_a_length_that_can_be_read(examples: Examples) -> None:
    lecture = {"dataset": "grey", "normalise": "unit", "batch_size": 128, "stop": {"max_epochs": 20}}
    text = side_by_side(examples, lecture, play=False).text
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = [node.module or "" if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports]
    imported = {name.split(".")[0] for name in named}
    assert imported == {"matplotlib", "numpy", "pathlib", "sklearn", "torch", "tqdm"}
    assert len(text.splitlines()) <= 110
    assert "tqdm.trange(20)" in text and "plt.grid()" in text and "class Network(nn.Module)" in text


def mixed(count: int, seed: int) -> list[Request]:
    """Requests that combine all options."""
    numbers = random.Random(seed)
    found = []
    for layer in itertools.islice(itertools.cycle(OF_LAYERS), count):
        dataset, layers = OF_LAYERS[layer]
        schedule = numbers.choice(list(OF_SCHEDULES))
        criterion: Mapping[str, Any] = numbers.choice([stop for stops in OF_CRITERIA.values() for stop in stops])
        optimizer = numbers.choice(OPTIMIZERS_OF_RUNS)
        found.append(
            {
                "dataset": dataset,
                "model": {"layers": layers},
                "optimizer": optimizer,
                "schedule": {"name": schedule} | OF_SCHEDULES[schedule],
                "loss": numbers.choice(["cross_entropy", {"name": "cross_entropy", "label_smoothing": 0.1}]),
                "stop": {"max_epochs": 4} | criterion | {"max_steps": numbers.choice([20, 45])},
                "batch_size": numbers.choice([16, 32, 50, "full"]),
                "clip_norm": numbers.choice([None, 1.0]),
                "seed": numbers.randrange(1000),
                "augment": numbers.choice([None, EVERY_CHANGE]) if dataset in ("grey", "colours") else None,
            }
        )
    return found


@pytest.mark.parametrize("request_", mixed(18, seed=1), ids=lambda chosen: str(chosen["model"])[:40])
def test_a_script_does_what_the_run_did_whatever_meets(examples: Examples, request_: Request) -> None:
    check(examples, request_)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 12))
def test_a_script_does_what_the_run_did_over_many_mixtures(examples: Examples, seed: int) -> None:
    for request in mixed(36, seed):
        check(examples, request)


def test_a_script_without_its_data_says_what_to_fetch(examples: Examples, tmp_path: Path) -> None:
    pair = side_by_side(examples, {"dataset": "grey", "stop": {"max_steps": 1}}, play=False)
    (tmp_path / "train.py").write_text(pair.text)
    done = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert done.stderr == "grey.npz is missing here: download /datasets/grey/export.npz\n"
