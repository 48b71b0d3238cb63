"""`antigrad trace`: one batch forward and backward through an untrained network."""

from typing import Annotated, Any

import typer

from app.cli.http import AsJson, ask
from app.cli.output import print_table, say, say_json
from app.cli.progress import print_warnings, shown
from app.cli.request import BatchSize, DatasetName, Layers, ManyLayers, Preset, Seed, described

trace = typer.Typer()


@trace.command("trace", cls=ManyLayers)
def trace_network(
    dataset: DatasetName,
    layers: Layers = None,
    preset: Preset = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    by_hand: Annotated[bool, typer.Option(help="write out each product of backpropagation")] = False,
    as_json: AsJson = False,
) -> None:
    """Trace one batch forward and backward through an untrained network."""
    request = described(dataset, layers, preset, batch_size, seed=seed)
    answer = ask("POST", "/architectures/trace", params={"by_hand": by_hand}, json=request)
    if as_json:
        say_json(answer)
        return
    print_warnings(answer)
    print_table(("layer", "shape", "mean", "std", "zeros", "gradient"), map(_row, answer["layers"]))
    say(
        f"loss {shown(answer['loss'])} on a batch of {answer['batch_size']}; blind guess {shown(answer['blind_guess'])}"
    )
    for product in (answer["by_hand"] or {"products": ()})["products"]:
        say(f"{product['direction']}: {product['formula']}  {_shape(product['result']['shape'])}")


def _row(layer: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    output, gradient = layer["output"], layer["gradient"]
    norm = "" if gradient is None else shown(gradient["norm"])
    return (
        layer["type"],
        _shape(layer["output_shape"]),
        shown(output["mean"]),
        shown(output["std"]),
        shown(output["zeros"]),
        norm,
    )


def _shape(sizes: list[int]) -> str:
    return "×".join(map(str, sizes))
