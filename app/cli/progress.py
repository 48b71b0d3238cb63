"""A run, shown on the terminal until it has ended."""

import json
import signal
import time
from collections.abc import Iterator
from typing import Any, NoReturn

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.address import address
from app.cli.http import CANCELLED, FAILED, INTERRUPTED, content, leave, refused, service, spoken, unreachable

ENDS = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED}
RECONNECTIONS = 20

to_people = Console(stderr=True)
COLUMNS = BarColumn(bar_width=10), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)


def events(run: str) -> Iterator[tuple[str, Any]]:
    """Kind and data of each event until the run is done; a broken stream goes on where it was."""
    last, broken = "0.0", 0
    while True:
        try:
            with (
                service() as client,
                client.stream("GET", f"/runs/{run}/events", headers={"Last-Event-ID": last}) as answer,
            ):
                if answer.is_error or not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                    answer.read()
                    refused(answer)
                event: dict[str, str] = {}
                for line in answer.iter_lines():
                    if line:
                        name, _, value = line.partition(": ")
                        event[name] = value
                        continue
                    if "event" in event:
                        last, broken = event["id"], 0
                        yield event["event"], json.loads(event["data"])
                        if event["event"] == "done":
                            return
                    event = {}
        except httpx.RequestError as error:
            broken += 1
            if broken > RECONNECTIONS:
                unreachable(error)
        time.sleep(0.5)


def follow(run: str, as_json: bool) -> NoReturn:
    """Show a run until it has ended; the exit status says how.

    A paused one is waited for, too: it goes on as soon as somebody resumes it, and no exit status says that a run is
    half done. But that is said, or the bar would seem to hang.
    """
    done: dict[str, Any] = {}
    status, pressed = "", False

    def interrupt(*_: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        if not as_json:
            to_people.print(run)
        with Progress(*COLUMNS, console=to_people, disable=as_json) as progress:
            bar = progress.add_task("", total=1.0, news="")
            for kind, data in events(run):
                if pressed:  # while Python was tidying up, where what is raised is only printed
                    raise KeyboardInterrupt
                if kind == "status":
                    if data["status"] == "paused" != status:
                        progress.console.print(paused(run), soft_wrap=True, markup=False, highlight=False)
                    status = data["status"]
                    progress.update(bar, news=status)
                elif kind == "progress":
                    progress.update(bar, completed=data["fraction"], news=status if status == "paused" else news(data))
                elif kind == "done":
                    done = data
    except KeyboardInterrupt:
        if status == "paused":
            leave(INTERRUPTED, paused(run))
        leave(INTERRUPTED, f"the run goes on; antigrad watch {run} shows it again, antigrad cancel {run} ends it")
    if as_json:
        typer.echo(json.dumps(done))
    else:
        _tell(done)
        _explain(done)
    raise typer.Exit(ENDS[done["status"]])


def paused(run: str) -> str:
    """What to do about a paused run: of the user's commands none resumes one."""
    resume = f"{address().url.rstrip('/')}/runs/{run}/resume"
    return f"the run is paused; it goes on with: curl -X POST {resume}   (antigrad cancel {run} ends it)"


def warn(run: dict[str, Any]) -> None:
    """Say what is known of a run before its training."""
    for warning in run["warnings"]:
        text = f"{warning['pointer']}: {warning['detail']}; {warning['fix']}"
        typer.echo(f"warning: {spoken(text)}", err=True)


def _tell(done: dict[str, Any]) -> None:
    """Say how a run has ended, and how well it does."""
    typer.echo(f"{done['id']} {done['status']} ({done['stop_reason'] or done['error']['message']})")
    for part, metrics in done["metrics"].items():
        if metrics:
            typer.echo(f"  {part:<11}" + "  ".join(f"{name} {shown(value)}" for name, value in metrics.items()))
    if done["status"] == "failed":
        typer.echo(done["error"]["message"], err=True)


def _explain(done: dict[str, Any]) -> None:
    """Say the worst that the diagnosis finds in a run that has diverged, or has learnt little or nothing.

    It comes on top: where it cannot be had, the run has ended as it has, and so does the command.
    """
    try:
        with service() as client:
            answer = client.get(f"/runs/{done['id']}/diagnosis")
    except httpx.RequestError:
        return
    worst = content(answer)[:1] if answer.is_success else []
    for finding in worst:
        if finding["severity"] == "error" or done["stop_reason"] == "diverged":
            typer.echo(f"{finding['finding']}; to try: {spoken(finding['try'])}", err=True)


def news(progress: dict[str, Any]) -> str:
    """What stands beside the bar, short enough for 80 columns: how far it is, and how well it does."""
    text = str(progress["step"]) + (f"/{progress['max_steps']}" if progress["max_steps"] else "")
    train, validation = (progress["metrics"].get(part) or {} for part in ("train", "validation"))
    if "loss" in train:
        text += f"  loss {shown(train['loss'])}"
    for name in ("accuracy", "loss"):
        if name in validation:
            return f"{text}  validation {name} {shown(validation[name])}"
    return text


def shown(value: float | str) -> str:
    """NaN and ∞ come as words."""
    return value if isinstance(value, str) else f"{value:.4g}"
