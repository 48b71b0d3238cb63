"""Words for the two readers of messages: those who send HTTP requests, and those who type `antigrad` commands."""

import json
from typing import Any

from app.messages.rendering import Vocabulary

OPTIONS = {"types": "--type"}  # of `antigrad datasets add` and `antigrad predict`, where the parameter's name differs


def _option(text: str) -> str:
    """A query parameter as an option: `target=` or `task=regression`."""
    name, _, value = text.partition("=")
    return " ".join(filter(None, (OPTIONS.get(name, f"--{name}"), value)))


def _field(text: str) -> str:
    """A field of a run's request as JSON, from `optimizer.lr=0.01` or `normalise="standard"`."""
    path, _, value = text.partition("=")
    *outer, field = path.split(".")
    inside = f'"{field}": {value}'
    for name in reversed(outer):
        inside = f'"{name}": {{{inside}}}'
    return f"set {inside}"


def _set(text: str) -> str:
    """A field of a run's request as the option --set."""
    path, _, value = text.partition("=")
    parsed: Any = json.loads(value)
    plain = parsed if isinstance(parsed, str) else json.dumps(parsed)
    return f"--set {path}='{plain}'" if set(plain) & set(' "{}[]*?') else f"--set {path}={plain}"


API: Vocabulary = {
    "option": str,
    "set": _field,
    "runs": lambda _: "GET /runs",
    "train": lambda _: "POST /runs",
    "cancel": lambda run: f"POST /runs/{run}/cancel",
    "again": lambda run: f"POST /runs/{run}/again",
    "resume": lambda run: f"POST /runs/{run}/resume",
    "run": lambda run: f"GET /runs/{run}",
    "point": lambda model: f"PUT /models/{model}",
    "experiments": lambda _: "GET /experiments",
    "batches": lambda _: "GET /batches",
    "shares": lambda _: "GET /shares",
    "catalogue": lambda _: "GET /datasets/catalogue",
    "preview": lambda dataset: f"GET /datasets/{dataset}/preview.png",
    "rows": lambda dataset: f"GET /datasets/{dataset}/export.npz",
    "statistics": lambda dataset: f"GET /datasets/{dataset}/statistics",
    "duplicates": lambda dataset: f"GET /datasets/{dataset}/duplicates",
    "evaluation": lambda run: f"GET /runs/{run}/evaluation",
    "diagnostics": lambda run: f"GET /runs/{run}/diagnostics",
    "repeat": lambda _: "POST its request to /runs",
    "http": str,
    "cli": lambda _: "",
}
CLI: Vocabulary = {
    **API,
    "option": _option,
    "set": _set,
    "runs": lambda _: "antigrad runs",
    "train": lambda _: "antigrad train DATASET",
    "cancel": lambda run: f"antigrad cancel {run}",
    "again": lambda run: f"antigrad again {run}",
    "resume": lambda run: f"antigrad resume {run}",
    "run": lambda run: f"antigrad watch {run}",
    "point": lambda model: f"antigrad promote RUN {model}",
    "experiments": lambda _: "antigrad experiments",
    "batches": lambda _: "antigrad batches list",
    "shares": lambda _: "antigrad shares list",
    "statistics": lambda dataset: f"antigrad datasets statistics {dataset}",
    "duplicates": lambda dataset: f"antigrad datasets duplicates {dataset}",
    "preview": lambda dataset: f"antigrad datasets preview {dataset}",
    "rows": lambda dataset: f"antigrad datasets export {dataset}",
    "evaluation": lambda run: f"antigrad evaluate {run}",
    "repeat": lambda _: "train its network with antigrad train",
    "catalogue": lambda _: "antigrad datasets list",
    "http": lambda _: "",
    "cli": str,
}
