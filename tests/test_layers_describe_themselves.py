"""No code outside the layers refers to a layer by name or class: a new layer is one class and one test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.learning.layers import LAYERS
from app.learning.layers.serialization import layers_from_json

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "worker", "bench")
OWN = ROOT / "app/learning/layers"
CLASSES = {entry.__name__ for entry in LAYERS.values()}
# Modules that use certain layers on purpose, and why.
EXCEPTIONS = {
    "app/learning/architecture.py": "appends the output layer, which is linear",
    "app/learning/training.py": "lays out memory for every convolution, a residual's projection too",
    "app/learning/fast_cpu/linear_chain.py": "computes some modules by itself, and leaves the others to autograd",
    "app/insight/experiments/backprop.py": "an experiment of the lecture, on the lecture's layers",
    "app/insight/experiments/layers.py": "experiments of the lecture, on the lecture's layers",
    "app/insight/experiments/mistakes.py": "an experiment of the lecture, on the lecture's layers",
    "worker/prefork/warmup.py": "takes a step with a small network of its own",
    "bench/activations.py": "compares the activations, and each with ReLU",
}


def modules() -> set[str]:
    """Names of the classes in torch.nn that the layers are made of."""
    fields = {"linear": {"units": 3}, "conv2d": {"channels": 3}}
    kinds = [kind for kind, entry in LAYERS.items() if entry.nesting is None]
    layers = layers_from_json([{"type": kind, **fields.get(kind, {})} for kind in kinds])
    made = (layer.module(shape) for layer in layers for shape in ((3,), (3, 4, 4)))
    return {type(module).__name__ for module in made if type(module).__module__.startswith("torch.nn")}


MODULES = modules()


def sources() -> list[Path]:
    return [
        path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")) if not path.is_relative_to(OWN)
    ]


def words(node: ast.AST) -> Iterator[str]:
    """Strings of an expression, alone or in a tuple, list, set or dict."""
    match node:
        case ast.Constant(value=str(word)):
            yield word
        case ast.Tuple(elts=items) | ast.List(elts=items) | ast.Set(elts=items):
            for item in items:
                yield from words(item)
        case ast.Dict(keys=keys):
            for key in keys:
                if key is not None:
                    yield from words(key)


def named(tree: ast.AST) -> Iterator[str]:
    """Layers that the code imports, compares with, matches, or lists in a constant."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("app.learning.layers"):
                yield from (f"import {name.name}" for name in names if name.name in {*CLASSES, "ENTRIES"})
            case ast.Compare(left=left, comparators=others):
                yield from (f"compares {word}" for part in (left, *others) for word in words(part) if word in LAYERS)
            case ast.MatchValue(value=value):
                yield from (f"matches {word}" for word in words(value) if word in LAYERS)
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if name.isupper():
                listed = list(words(value))
                if len(listed) > 1 and set(listed) <= set(LAYERS):
                    yield from (f"lists {word} in {name}" for word in listed)
            case ast.Call(func=ast.Name(id="isinstance"), args=[_, kinds]):
                yield from (
                    f"isinstance {part.attr}" for part in ast.walk(kinds)
                    if isinstance(part, ast.Attribute) and part.attr in MODULES
                )  # fmt: skip


@pytest.mark.parametrize("code", [
    "from app.learning.layers import ReLU",
    "from app.learning.layers.regularisation import Dropout",
    "from app.learning.layers.activations import ENTRIES",
    'layer.type == "relu"',
    'layer.type in ("linear", "conv2d")',
    '"batch_norm" in types',
    'MAPS = ("linear", "conv2d")',
    'NAMES: dict[str, str] = {"relu": "ReLU", "gelu": "GELU"}',
    "isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)",
    'match layer.type:\n    case "flatten":\n        pass',
])  # fmt: skip
def test_code_that_asks_for_a_layer_is_found(code: str) -> None:
    assert list(named(ast.parse(code)))


def test_no_other_code_asks_for_a_layer_by_name_or_class() -> None:
    found = {
        str(path.relative_to(ROOT)): list(named(ast.parse(path.read_text(encoding="utf-8")))) for path in sources()
    }
    asking = {path: uses for path, uses in found.items() if uses}
    assert {path: uses for path, uses in asking.items() if path not in EXCEPTIONS} == {}
    assert set(asking) == set(EXCEPTIONS), "an exception that is needed no more"
