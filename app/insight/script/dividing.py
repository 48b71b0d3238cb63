"""The section of a script that splits the examples: by folds, by the dataset's own parts, or as the lecture does."""

from typing import Any

from app.insight.script.specification import ScriptSpec
from app.insight.script.text import broken
from app.learning.source import literal


def dividing(run: ScriptSpec) -> list[str]:
    """Code that makes the arrays of the run's parts from X and y."""
    split = run.request["split"]
    if run.own_parts:
        return _own(run)
    if split.get("folds"):
        return _fold(run)
    validation, test = _size(split["validation"]), _size(split["test"])
    match "validation" in run.parts, "test" in run.parts:
        case False, False:
            return ["X_train, y_train = X, y"]
        case True, False:
            return _taken(run, "val", validation, "train", "")
        case False, True:
            return _taken(run, "test", test, "train", "")
    said = f"# Test part: {test}. Validation part: {validation}."
    if split["validation"] < 1 and split["test"] < 1:
        said = f"# Of all examples, {test} are for the test and {validation} for validation."
    return [said, *_taken(run, "test", test, "rest", ""), *_taken(run, "val", _of_rest(split), "train", "_rest")]


def _own(run: ScriptSpec) -> list[str]:
    validation = 0 if "validation" in run.own_parts else run.request["split"]["validation"]
    rest = "rest" if validation else "train"
    lines = [
        "# The part of each example: 0 is training, 1 is validation, 2 is test.",
        f"X_{rest}, y_{rest} = X[part == 0], y[part == 0]",
        "X_test, y_test = X[part == 2], y[part == 2]",
    ]
    if validation:
        return [*lines, *_taken(run, "val", _size(validation), "train", "_rest")]
    return [*lines, "X_val, y_val = X[part == 1], y[part == 1]"] if "validation" in run.own_parts else lines


def _fold(run: ScriptSpec) -> list[str]:
    split = run.request["split"]
    kind = "StratifiedKFold" if _stratified(run) else "KFold"
    rest = "rest" if split["validation"] else "train"
    lines = [
        f"folds = {kind}({split['folds']}, shuffle=True, random_state={_seed(run)})",
        f"others, fold = list(folds.split(X, y))[{split['fold']}]",
        f"X_{rest}, X_test, y_{rest}, y_test = X[others], X[fold], y[others], y[fold]",
    ]
    return [*lines, *_taken(run, "val", _of_rest(split), "train", "_rest")] if split["validation"] else lines


def _of_rest(split: dict[str, Any]) -> str:
    """The share of the examples outside the test part that goes to validation, as code."""
    validation = _size(split["validation"])
    if split["validation"] >= 1:
        return validation
    left = "len(X_rest) / len(X)" if split.get("folds") or split["test"] >= 1 else f"1 - {_size(split['test'])}"
    return f"{validation} / ({left})"


def _taken(run: ScriptSpec, part: str, share: str, rest: str, source: str) -> list[str]:
    alike = f", stratify=y{source}" if _stratified(run) else ""
    code = f"train_test_split(X{source}, y{source}, test_size={share}, random_state={_seed(run)}{alike})"
    return broken(code, before=f"X_{rest}, X_{part}, y_{rest}, y_{part} = ")


def _size(size: float) -> str:
    """Code of a part's size: a fraction, or a number of examples."""
    return literal(size) if size < 1 else str(round(size))


def _seed(run: ScriptSpec) -> int:
    return int(run.request["split"]["seed"]) % 2**32


def _stratified(run: ScriptSpec) -> bool:
    return bool(run.request["split"]["stratify"]) and run.classification
