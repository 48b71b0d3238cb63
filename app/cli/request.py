"""Options that describe a network and its training, and the request that they make."""

import json
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from app.cli.http import REFUSED, exit_with

DatasetName = Annotated[str, typer.Argument(metavar="DATASET", help="a dataset's name or id, such as notmnist")]
Layers = Annotated[str | None, typer.Option(help="the hidden layers, such as: --layers 256 relu 64 tanh")]
Preset = Annotated[str | None, typer.Option(help="a ready-made network with its recipe, such as vgg_small")]
Epochs = Annotated[int | None, typer.Option(help="passes over the training data")]
BatchSize = Annotated[str | None, typer.Option(help="examples per batch, or full for all of them")]
Seed = Annotated[int | None, typer.Option(help="seed of all random numbers")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="a label such as course:ml; may be given several times")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="set any field of the request, such as --set optimizer.lr=0.01")
]
Wait = Annotated[bool, typer.Option(help="show the run until it ends")]


class ManyLayers(TyperCommand):
    """A command whose option `--layers` takes all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--layers" in args:
            first = args.index("--layers") + 1
            end = next((i for i in range(first, len(args)) if args[i].startswith("-")), len(args))
            if end > first:
                args = [*args[:first], " ".join(args[first:end]), *args[end:]]
        return super().parse_args(ctx, args)


def described(
    dataset: str,
    layers: str | None = None,
    preset: str | None = None,
    batch_size: str | None = None,
    **given: Any,
) -> dict[str, Any]:
    """The request of these options; `given` are further fields, of which None is left out."""
    request: dict[str, Any] = {"dataset": dataset}
    if layers is not None:
        request["model"] = {"layers": [layer(word) for word in layers.split()]}
    if preset is not None:
        request["model"] = request.get("model", {}) | {"preset": preset}
    if batch_size is not None:
        request["batch_size"] = int(batch_size) if batch_size.isdecimal() else batch_size
    return request | {name: value for name, value in given.items() if value is not None}


def layer(word: str) -> dict[str, Any]:
    """The layer for a word: a number means the units of a linear layer, other words a layer's type."""
    return {"type": "linear", "units": int(word)} if word.isdecimal() else {"type": word}


def tagged(words: list[str] | None) -> dict[str, str] | None:
    """The tags of words such as `course:ml`. Ends the command for a word without a colon."""
    for word in words or ():
        if ":" not in word:
            exit_with(REFUSED, f"{word!r} is not a tag; write for example --tag course:ml")
    return dict(word.split(":", 1) for word in words) if words else None


def apply_changes(request: dict[str, Any], changes: list[str] | None) -> None:
    """Apply changes such as `optimizer.lr=0.01` to the request. A value that is not JSON counts as text."""
    for item in changes or []:
        path, equals, value = item.partition("=")
        if not equals:
            exit_with(REFUSED, f"{item!r} has no value; write for example --set optimizer.lr=0.01")
        *outer, field = path.split(".")
        node = request
        for part in outer:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                exit_with(REFUSED, f"{item!r}: {part} has been set to a value, so no field of it can be set")
        try:
            node[field] = json.loads(value)
        except ValueError:
            node[field] = value
