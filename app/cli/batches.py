"""`antigrad batches`: predictions for a whole dataset or a large file, in the background."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.http import (
    FAILED,
    INTERRUPTED,
    REFUSED,
    AsJson,
    Cursor,
    ask,
    ask_page,
    download,
    exit_with,
    run_or_model,
    say_next,
    segment,
    send,
    sentence,
)
from app.cli.output import print_table, say, say_json
from app.cli.progress import NOBODY_WORKS, nobody_works, to_people
from app.os_errors import reason_of

batches = typer.Typer(no_args_is_help=True, help="Predict for a whole dataset or a large file, in the background.")
BAR = BarColumn(bar_width=10), TextColumn("{task.completed} predicted")
ENDED = ("succeeded", "failed")
BatchId = Annotated[str, typer.Argument(metavar="BATCH", help="a batch's id", callback=segment)]


@batches.command("add")
def add_batch(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's id, last for the newest, or a model's name")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="a dataset's name or id, or a file: .npy, .npz, .safetensors, .zip, .csv"
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="write the predictions to this CSV file")] = None,
    wait: Annotated[bool, typer.Option(help="show the batch until it ends")] = True,
    as_json: AsJson = False,
) -> None:
    """Predict for all examples of a dataset, or all inputs of a file."""
    if out is not None and not wait:
        exit_with(REFUSED, "--out needs the batch's end; leave --no-wait out")
    by, file = run_or_model(run), Path(source)
    batch = _of_file(file, by) if file.is_file() else ask("POST", "/batches", json={"dataset": source} | by)
    if wait:
        batch = _at_end(batch, as_json)
    if out is not None and batch["status"] == "succeeded":
        download(f"/batches/{batch['id']}/result.csv", out, "text/csv")
    _say_batch(batch, as_json, out)
    raise typer.Exit(FAILED if batch["status"] == "failed" else 0)


def _of_file(path: Path, query: dict[str, str]) -> Any:
    try:
        content = path.read_bytes()
    except OSError as error:
        exit_with(REFUSED, f"{path} cannot be read: {reason_of(error)}")
    headers = {"Content-Type": "application/octet-stream"}
    return ask("POST", "/batches", params=query, content=content, headers=headers)


def _at_end(batch: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """The batch once it has ended. Ctrl-C leaves it running."""
    try:
        with Progress(*BAR, console=to_people, disable=quiet) as progress:
            bar = progress.add_task("", total=None)
            if nobody_works():
                progress.console.print(NOBODY_WORKS, soft_wrap=True)
            while batch["status"] not in ENDED:
                time.sleep(0.2)
                batch = ask("GET", f"/batches/{batch['id']}")
                progress.update(bar, completed=batch["progress"]["done"], total=batch["progress"]["total"])
    except KeyboardInterrupt:
        exit_with(INTERRUPTED, f"the batch {batch['id']} continues; antigrad batches list shows it")
    return batch


def _say_batch(batch: dict[str, Any], as_json: bool, out: Path | None = None) -> None:
    if as_json:
        say_json(batch | ({} if out is None else {"file": str(out)}))
        return
    error = batch["error"]
    reason = f": {sentence(error, error['message'])}" if error else ""
    where = f": {out}" if out is not None and batch["status"] == "succeeded" else ""
    say(f"{batch['id']} {batch['status']}, {_done(batch)} predicted{where}{reason}")


def _done(batch: dict[str, Any]) -> str:
    done, total = batch["progress"]["done"], batch["progress"]["total"]
    return f"{done:,}" if total is None else f"{done:,}/{total:,}"


@batches.command("list")
def list_batches(
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, the newest first")] = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the batches, newest first."""
    answer = ask_page("/batches", limit, cursor)
    if as_json:
        say_json(answer)
        return
    rows = [
        (item["id"], item["status"], _done(item), item["dataset"] or "a file", item["run"]) for item in answer["items"]
    ]
    print_table(("batch", "status", "predicted", "source", "run"), rows)
    say_next(answer)


@batches.command("show")
def show_batch(batch: BatchId, as_json: AsJson = False) -> None:
    """Show how far a batch has come, or why it failed."""
    _say_batch(ask("GET", f"/batches/{batch}"), as_json)


@batches.command("result")
def save_result(
    batch: BatchId,
    out: Annotated[Path | None, typer.Option(help="the file; BATCH.csv by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Save the predictions of a batch as CSV."""
    file = out or Path(f"{batch}.csv")
    download(f"/batches/{batch}/result.csv", file, "text/csv")
    say_json({"file": str(file)}) if as_json else say(str(file))


@batches.command("delete")
def delete_batches(
    ids: Annotated[list[str], typer.Argument(metavar="BATCH...", help="ids of batches", callback=segment)],
    as_json: AsJson = False,
) -> None:
    """Delete batches with their results; one that runs is ended."""
    for id in ids:
        send("DELETE", f"/batches/{id}")
        if not as_json:
            say(f"{id} deleted")
    if as_json:
        say_json({"deleted": ids})
