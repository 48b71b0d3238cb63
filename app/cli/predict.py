"""`antigrad predict`: classify pictures."""

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.http import AsJson, ask, resolve_run
from app.cli.output import say
from app.constants import RUN_PREFIX

predict = typer.Typer()


@predict.command("predict")
def classify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's id, last for the newest, or a model's name")],
    pictures: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    fit: Annotated[bool, typer.Option(help="convert pictures of another size")] = False,
    invert: Annotated[
        bool, typer.Option(help="swap black and white if a border suggests it, as for ink on white paper")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify pictures."""
    source = {"run": resolve_run(run)} if run == "last" or run.startswith(RUN_PREFIX) else {"model": run}
    query = source | {"fit": fit, "invert": "auto" if invert else "false"}
    files = [("image", (picture.name, picture.read_bytes())) for picture in pictures]
    labels = {f"/image/{place}": str(picture) for place, picture in enumerate(pictures)}
    answer = ask("POST", "/predict", labels, params=query, files=files)
    if as_json:
        say(json.dumps(answer))
        return
    if run != answer["run"]:
        say(answer["run"], err=True)
    for picture, prediction in zip(pictures, answer["predictions"], strict=True):
        best = ", ".join(f"{item['label']} {item['probability']:.3f}" for item in prediction["top"])
        say(f"{picture}: {best}")
