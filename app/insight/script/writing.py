"""The script, section by section: data, network, loss and metrics, optimizer, and at the end the curve and each part's
metrics. `loop.py` writes the training loop."""

import ast
import re

from app.insight.script.dividing import dividing
from app.insight.script.loop import augmenting, loop, splitting, steps_known
from app.insight.script.specification import ScriptSpec
from app.insight.script.text import WIDTH, broken, indented, remark, written_out
from app.learning.evaluation import MAPE_CLAMP
from app.learning.losses import BinaryCrossEntropy, CrossEntropy
from app.learning.outputs import output_kind
from app.learning.preprocessing import CONSTANT
from app.learning.source import literal

IMPORTS = {  # by the name that needs it; an empty line separates the standard library from the others
    "copy": "import copy",
    "itertools": "import itertools",
    "math": "import math",
    "time": "import time",
    "abc": "from collections.abc import {}",
    "Path": "from pathlib import Path",
    "Any": "from typing import Any",
    "": "",
    "plt": "import matplotlib.pyplot as plt",
    "np": "import numpy as np",
    "torch": "import torch",
    "F": "import torch.nn.functional as F",
    "tqdm": "import tqdm",
    "splits": "from sklearn.model_selection import {}",
    "nn": "from torch import Tensor, nn",
}
MEASURED = [f"{name} = X_train.{name}(axis=0, dtype=np.float64)" for name in ("mean", "std")]
KNOWN = [f"{name} = np.nan_to_num(np.nan{name}(X_train, axis=0, dtype=np.float64))" for name in ("mean", "std")]
TOGETHER = {  # names imported in one line
    "abc": {"Callable", "Iterable", "Iterator"},
    "splits": {"KFold", "StratifiedKFold", "train_test_split"},
}
CHUNK = 1000  # pictures in one pass through a network of convolutions


def script(run: ScriptSpec) -> str:
    """The run as the text of a Python file."""
    sections = data, network, judging, augmenting, splitting, descent, loop, results
    code = "\n".join(line for section in sections for line in section(run))
    used = {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)} | {""}
    listed = {name: ", ".join(sorted(used & some)) for name, some in TOGETHER.items()}
    lines = (line.format(listed.get(name)) for name, line in IMPORTS.items() if name in used or listed.get(name))
    imports = "\n".join(lines).strip()
    text = "\n".join([*opening(run), "", imports, "", code]).strip() + "\n"
    return re.sub(r"\n{4,}", "\n\n\n", text)


def opening(run: ScriptSpec) -> list[str]:
    """The docstring. A run's name is free text, and nothing in it may end the string."""
    name = "".join(sign if sign.isprintable() and sign not in '"\\' else " " for sign in run.name or "")
    title = " ".join(name.split()).rstrip(".") or f"A network trained on {run.dataset_name}"
    lines = [
        f'"""{title[: WIDTH - 4]}.',
        "",
        f"Antigrad's run {run.id} as plain PyTorch. It needs only the dataset,",
        f"{run.dataset_name}.npz, next to this file. Download it from",
        f"{run.data_address}.",
    ]
    if run.device is not None:
        lines.append(f"The run was trained on {run.device} with torch {run.environment['torch']}.")
    return [*lines, '"""']


def data(run: ScriptSpec) -> list[str]:
    """Section that reads, splits and prepares the data, with as many threads as the run had."""
    lines = []
    if threads := run.environment.get("threads"):
        lines += [
            "# The run's number of threads: with another one, sums are rounded differently.",
            f"torch.set_num_threads({threads})",
        ]
    if run.cuda:
        lines.append('device = "cuda" if torch.cuda.is_available() else "cpu"')
    about = "pictures, channels first, bytes from 0 to 255" if run.pictures else "one row of numbers per example"
    file = f"{run.dataset_name}.npz"
    lines += ["", f"# The data: {about}.", f'if not Path("{file}").exists():']
    lines += broken(f'SystemExit("{file} is missing here: {run.data_advice}")', 4, "raise ")
    lines += [f'with np.load("{file}") as dataset:']
    if run.classification:
        lines += ['    X, y, classes = dataset["inputs"], dataset["targets"], dataset["classes"]']
    else:
        lines += ['    X, y = dataset["inputs"], dataset["targets"]']
    if run.own_parts:
        lines += ['    part = dataset["parts"]']
    shown = ', "classes:", *classes' if run.classification else ""
    lines += [f'print("Shapes:", X.shape, y.shape{shown})']
    return [*lines, "", *dividing(run), "", *preparing(run), "", ""]


def preparing(run: ScriptSpec) -> list[str]:
    """Function that turns arrays into the network's tensors. Its statistics are those of the training part."""
    fitted, inputs, about = _inputs(run)
    targets = "torch.from_numpy(y)"
    if not run.classification and run.request["scaling"]["target"] == "standard":
        fitted += ["y_mean, y_std = y_train.mean(dtype=np.float64), y_train.std(dtype=np.float64)"]
        targets = "(torch.from_numpy(y) - y_mean) / y_std"
        about += ", and the target too" if "mean 0" in about else ", and the target with mean 0 and std 1"
    if run.cuda:
        inputs, targets = (
            f"({code}).to(device)" if " " in code else f"{code}.to(device)" for code in (inputs, targets)
        )
    if fitted:
        fitted = ["# Measured on the training part only: the other parts stand for unseen data.", *fitted]
    one_line = f"    return {inputs}, {targets}"
    return [
        *fitted,
        "",
        "",
        "def prepared(x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:",
        f'    """Arrays as tensors, {about}."""',
        *(["    x = np.where(np.isnan(x), np.float32(mean), x)"] if run.missing else []),
        *([one_line] if len(one_line) <= WIDTH else [f"    inputs = {inputs}", f"    return inputs, {targets}"]),
        "",
        "",
        *(f"X_{short}, y_{short} = prepared(X_{short}, y_{short})" for short in run.parts.values()),
    ]


def _inputs(run: ScriptSpec) -> tuple[list[str], str, str]:
    """Preparation of the inputs: lines that measure, the expression, and a description of its values."""
    kind = run.request["normalise"] if run.pictures else run.request["scaling"]["inputs"]
    match kind, run.pictures:
        case "unit", True:
            return [], "torch.from_numpy(x) / 255", "brightness from 0 to 1"
        case "standard", True:
            fitted = ["mean, std = X_train.mean(), X_train.std()"]
            return fitted, "(torch.from_numpy(x).float() - mean) / std", "brightness with mean 0 and std 1"
        case "standard", False:
            fitted = [
                *(KNOWN if run.missing else MEASURED),
                f"std[std <= {literal(CONSTANT)} * abs(mean)] = 1  # a constant column keeps its scale",
            ]
            about = "each column with mean 0 and std 1"
            if run.missing:
                about += ", missing values as its mean"
            return fitted, "torch.from_numpy((x - np.float32(mean)) / np.float32(std))", about
    if run.missing:
        fitted = KNOWN[:1]
        return fitted, "torch.from_numpy(x)", "unscaled, missing values as the column's mean"
    return [], "torch.from_numpy(x).float()", "unscaled"


def network(run: ScriptSpec) -> list[str]:
    """Modules that torch.nn lacks, the network's class, and the network with its initial weights."""
    sources = [place.layer.source(place.shape) for place in run.places]
    lines = written_out(name for source in sources for name in source.names)
    lines += [
        "class Network(nn.Module):",
        "    def __init__(self) -> None:",
        "        super().__init__()",
        "        self.layers = nn.Sequential(",
    ]
    for place, source in zip(run.places, sources, strict=True):
        rows = [row for code in source.code for row in broken(code, 12, after=",")]
        shape = f"{rows[-1]}  # {literal(place.output_shape)}" if rows else ""
        if len(place.shape) == 3 and len(rows) == 1 and place.output_shape != place.shape and len(shape) <= WIDTH:
            rows[-1] = shape
        lines += rows
    lines += ["        )", "", "    def forward(self, x: Tensor) -> Tensor:"]
    if run.one_output:
        lines += [
            "        # (N, 1) -> (N,), like the targets: otherwise each is compared with all.",
            "        return self.layers(x).squeeze(1)",
        ]
    else:
        lines += ["        return self.layers(x)"]
    moves = ".to(device)" if run.cuda else ""
    if re.search(r"\b(Conv2d|Sparse)\(", "\n".join(lines)):
        moves += ".to(memory_format=torch.channels_last)"  # also decides in which order dropout draws
    drawn = "the initial weights and dropout" if run.draws else "the initial weights"
    seed = f"torch.manual_seed({run.request['seed']})"
    return [*lines, "", "", f"{seed}  # for {drawn}", f"model = Network(){moves}", "", ""]


def judging(run: ScriptSpec) -> list[str]:
    """Section of the loss function and of the metrics of a part."""
    lines = []
    if isinstance(run.recipe.loss, CrossEntropy) and run.recipe.loss.class_weights:
        values = f"[{', '.join(literal(weight) for weight in run.recipe.loss.class_weights)}]"
        where = ", device=device" if run.cuda else ""
        lines += [*broken(f"torch.tensor({values}{where})", before="class_weights = "), "", ""]
    two_faced = "  # dropout and batch norm work differently in training"
    if not run.draws and not run.needs_two_examples:
        two_faced = ""
    lines += [
        "def loss_function(output: Tensor, y: Tensor) -> Tensor:",
        *broken(run.recipe.loss.source(), 4, before="return "),
        "",
        "",
        "@torch.no_grad()  # nothing is kept for a backward pass",
        "def evaluate(x: Tensor, y: Tensor) -> dict[str, float]:",
        f"    model.eval(){two_faced}",
    ]
    sliced = f"torch.cat([model(some) for some in x.split({CHUNK})])"
    lines += [f"    output = {sliced if run.pictures and run.convolves else 'model(x)'}"]
    if run.classification:
        return [
            *lines,
            f"    right = {_labels(run)} == y",
            "    loss, accuracy = loss_function(output, y), right.float().mean()",
            '    return {"loss": loss.item(), "accuracy": accuracy.item()}',
            "",
            "",
        ]
    lines += ["    loss = loss_function(output, y)"]
    smallest = literal(MAPE_CLAMP)
    if run.request["scaling"]["target"] == "standard":
        smallest = "1e-6 * y.abs().max()"  # scaled and scaled back, a target of 0 is only nearly so
        lines += [
            "    # In the target's own units.",
            "    output, y = output * y_std + y_mean, y * y_std + y_mean",
        ]
    return [
        *lines,
        f"    error, is_zero = (output - y).abs(), y.abs() < {smallest}",
        "    return {",
        '        "loss": loss.item(),',
        '        "mse": error.square().mean().item(),',
        '        "mae": error.mean().item(),',
        '        "r2": 1 - (error.square().sum() / (y - y.mean()).square().sum()).item(),',
        '        "mape": torch.where(is_zero, torch.nan, error / y.abs()).mean().item(),',
        "    }",
        "",
        "",
    ]


def _labels(run: ScriptSpec) -> str:
    """Code of the predicted classes."""
    if not isinstance(run.recipe.loss, BinaryCrossEntropy):
        return "output.argmax(1)"
    own = output_kind(run.recipe.layers, run.recipe.loss).kind == "probabilities"
    return f"({'output' if own else 'output.sigmoid()'} >= {literal(run.recipe.loss.threshold)})"


def descent(run: ScriptSpec) -> list[str]:
    """Section of the optimizer and of the learning rate's schedule."""
    parameters, lines = "model.parameters()", []
    lr = literal(run.recipe.optimizer.lr)
    if run.paced:
        parameters = "groups"
        lines = [
            "# Each layer's parameters, with their own learning rate.",
            "groups = [",
            "    {",
            '        "params": list(layer.parameters(recurse=False)),',
            f'        "lr": {lr} * getattr(layer, "lr_factor", 1),',
            "    }",
            "    for layer in model.modules()",
            "]",
        ]
    source = run.recipe.optimizer.source(parameters)
    formula = [] if source.names else remark(run.recipe.optimizer.formula)  # our own optimizers contain it
    lines = [*written_out(source.names), *lines, *formula, *broken(source.code[0], before="optimizer = ")]
    if not run.has_schedule:
        return lines
    warmup = run.recipe.schedule.warmup
    t, T = ("t", "T") if warmup else ("step", "steps")
    *statements, factor = run.recipe.schedule.source(t, T)
    if warmup:
        before = []
        if any(re.search(r"\bt\b", line) for line in (*statements, factor)):
            before += [f"t = max(0, step - {warmup})  # after the warm-up"]
        if run.recipe.schedule.needs_total:
            before += [f"T = max({run.recipe.schedule.shortest}, steps - {warmup})"]
        statements = [*before, *statements, f"rise = min(1, (step + 1) / {warmup + 1})"]
        factor = "rise" if factor == "1.0" else f"rise * ({factor})"
    return [
        *lines,
        *(steps_known(run) if run.recipe.schedule.needs_total else []),
        "",
        "",
        "def factor(step: int) -> float:",
        '    """Factor of the learning rate at each step, counted from 0."""',
        *indented(remark(run.recipe.schedule.formula)),
        *indented([*statements, f"return {factor}"]),
        "",
        "",
        "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)",
    ]


def results(run: ScriptSpec) -> list[str]:
    """Section of the loss curve, as the lecture draws it, and of each part's metrics."""
    listed = [
        "for part, x, y in (",
        *(f'    ("{part}", X_{short}, y_{short}),' for part, short in run.parts.items()),
        "):",
    ]
    if len(run.parts) == 1:
        listed = ['for part, x, y in (("train", X_train, y_train),):']
    return [
        "",
        "plt.plot(losses)",
        'plt.title("Loss of each step")',
        'plt.xlabel("step")',
        f'plt.ylabel("{run.recipe.loss.name}")',
        "plt.grid()",
        "plt.show()",
        "",
        *listed,
        '    figures = (f"{name} {value:.4f}" for name, value in evaluate(x, y).items())',
        '    print(f"{part}:", *figures)',
    ]
