"""`antigrad predict`: classify pictures, or predict from the rows of a table."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.http import (
    REFUSED,
    AsJson,
    ask,
    exit_not_antigrad,
    exit_refused,
    exit_unreachable,
    exit_with,
    json_of,
    run_or_model,
    send,
    service,
)
from app.cli.output import say, say_json
from app.cli.predict_inputs import Columns, Input, is_table, picture_count, pictures, rows
from app.cli.predict_results import CsvFile, Document, Lines, Results
from app.cli.progress import to_people
from app.os_errors import reason_of

predict = typer.Typer()
MOST, MOST_PICTURE_BYTES, MOST_ROW_BYTES = 256, 32 * 1024**2, 1024**2  # of one request; the service takes more bytes
MOST_EXPLAINED = 16  # of one request
SALIENCY = ("gradient", "integrated")
BAR = BarColumn(bar_width=10, pulse_style="bar.complete"), TextColumn("{task.completed} predicted")


@predict.command("predict")
def predict_inputs(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's id, last for the newest, or a model's name")],
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", exists=True, help="pictures, folders, archives, an .npz, or rows as CSV"),
    ],
    fit: Annotated[bool, typer.Option(help="convert pictures of another size")] = False,
    invert: Annotated[
        bool, typer.Option(help="swap black and white if a border suggests it, as for ink on white paper")
    ] = False,
    crop: Annotated[
        str | None, typer.Option(help="photos of drawings: ink cuts them to what stands out from the ground")
    ] = None,
    background: Annotated[
        str | None, typer.Option(help="colour behind transparency and in margins: white or black")
    ] = None,
    top: Annotated[str | None, typer.Option(help="number of labels to show, or all; 3 by default")] = None,
    logits: Annotated[bool, typer.Option("--logits", help="also show the logits")] = False,
    step: Annotated[int | None, typer.Option(help="predict with the checkpoint of this step", min=1)] = None,
    sticky: Annotated[
        str | None, typer.Option(help="any text, which always gets the same run of a model that several runs share")
    ] = None,
    explain: Annotated[
        str | None, typer.Option(help="gradient or integrated: what speaks for the class; preprocessing: what was done")
    ] = None,
    target: Annotated[str | None, typer.Option(help="the class to explain; by default the predicted one")] = None,
    out: Annotated[
        Path | None, typer.Option(help="write the predictions to this CSV file, or a drawing of --explain to this .png")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Classify pictures, or predict from the rows of a table."""
    given = {"invert": "auto" if invert else None, "crop": crop, "background": background, "top": top, "step": step,
             "logits": logits or None, "sticky": sticky, "explain": explain, "target": target}  # fmt: skip
    query: dict[str, Any] = run_or_model(run) | {"fit": fit}
    query |= {name: value for name, value in given.items() if value is not None}
    if out is not None and out.suffix.lower() == ".png":
        _draw(query, paths, out, as_json)
        return
    tables = [path for path in paths if is_table(path)]
    if tables and len(tables) < len(paths):
        exit_with(REFUSED, f"{tables[0]} is a table, and the others are not; predict them one after the other")
    columns = _columns(query) if tables else None
    if explain in SALIENCY and not as_json and not (columns and columns.features):
        exit_with(REFUSED, "--json prints what speaks for the class; --out why.png draws it for one picture")
    inputs = pictures(paths) if columns is None else (row for path in paths for row in rows(path, columns))
    most = MOST_EXPLAINED if explain in SALIENCY else MOST
    groups = _groups(inputs, most, MOST_ROW_BYTES if tables else MOST_PICTURE_BYTES)
    first = next(groups, None)
    if first is None:
        exit_with(REFUSED, f"there is nothing to predict in {', '.join(map(str, paths))}")
    results: Results = CsvFile(out, as_json) if out is not None else Document() if as_json else Lines(columns)
    with Progress(*BAR, console=to_people, disable=out is None or as_json) as progress, results:
        bar = progress.add_task("", total=None if tables else picture_count(paths))
        announced = as_json
        for group, answer in _answers(chain([first], groups), query, as_pictures=not tables):
            if not announced and run != answer["run"]:
                say(answer["run"], err=True)
            announced = True
            results.take([item.name for item in group], answer)
            progress.advance(bar, len(group))


def _columns(query: dict[str, Any]) -> Columns:
    """The columns that the run or the model reads."""
    run = query["run"] if "run" in query else _run_of(query["model"])
    dataset = ask("GET", f"/runs/{run}")["request"]["dataset"]
    return Columns.of(ask("GET", f"/datasets/{dataset}"))


def _run_of(name: str) -> str:
    """The run of a model's name, or of one of its versions, as `name@version`. Ends the command if there is none."""
    name, at, version = name.partition("@")
    history = ask("GET", f"/models/{name}")["history"]
    run = next((item["run"] for item in history if not at or str(item["version"]) == version), None)
    if run is None:
        exit_with(REFUSED, f"the model {name} has no version {version!r}; antigrad models history {name} lists them")
    return str(run)


def _draw(query: dict[str, Any], paths: Sequence[Path], out: Path, as_json: bool) -> None:
    """Save a drawing of what speaks for the class of one picture."""
    if query.get("explain") not in SALIENCY:
        exit_with(REFUSED, f"{out}: add --explain gradient or --explain integrated for a drawing")
    chosen = list(pictures(paths))
    if len(chosen) != 1:
        exit_with(REFUSED, f"{out}: one drawing shows one picture, and there are {len(chosen)}")
    answer = send("POST", "/predict", params=query, headers={"Accept": "image/png"}, **_body(chosen, True))
    if not answer.headers.get("Content-Type", "").startswith("image/png"):
        exit_not_antigrad(answer, "image/png")
    try:
        out.write_bytes(answer.content)
    except OSError as error:
        exit_with(REFUSED, f"{out} cannot be written: {reason_of(error)}")
    say_json({"file": str(out)}) if as_json else say(str(out))


def _groups(inputs: Iterator[Input], most: int, most_bytes: int) -> Iterator[list[Input]]:
    """The inputs in groups, each small enough for one request."""
    group: list[Input] = []
    size = 0
    for item in inputs:
        if group and (len(group) == most or size + len(item.body) > most_bytes):
            yield group
            group, size = [], 0
        group.append(item)
        size += len(item.body)
    if group:
        yield group


def _answers(
    groups: Iterator[list[Input]], query: dict[str, Any], *, as_pictures: bool
) -> Iterator[tuple[Sequence[Input], dict[str, Any]]]:
    """Each group with the service's answer. A group that is too large, such as one of photos, is halved. All groups go
    to the run that answers the first one. Ends the command at the first error."""
    try:
        with service() as client:
            for whole in groups:
                waiting: list[Sequence[Input]] = [whole]
                while waiting:
                    group = waiting.pop()
                    answer = client.post("/predict", params=query, **_body(group, as_pictures))
                    if answer.status_code == 413 and len(group) > 1:
                        half = len(group) // 2
                        waiting += [group[half:], group[:half]]
                        continue
                    if answer.is_error:
                        kind = "image" if as_pictures else "instances"
                        exit_refused(answer, {f"/{kind}/{place}": item.name for place, item in enumerate(group)})
                    found = json_of(answer)
                    query = {name: value for name, value in query.items() if name != "model"} | {"run": found["run"]}
                    yield group, found
    except httpx.RequestError as error:
        exit_unreachable(error)


def _body(group: Sequence[Input], as_pictures: bool) -> dict[str, Any]:
    """The body of a request, as arguments of httpx."""
    if as_pictures:
        return {"files": [("image", (Path(item.name).name, item.body)) for item in group]}
    instances = b", ".join(item.body for item in group)
    return {"content": b'{"instances": [' + instances + b"]}", "headers": {"Content-Type": "application/json"}}
