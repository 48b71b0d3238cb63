"""Progress of a run on the terminal, from its event stream."""

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
from app.cli.http import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    exit_refused,
    exit_unreachable,
    exit_with,
    json_of,
    sentence,
    service,
)
from app.cli.output import say

EXIT_STATUSES = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED}
RECONNECTIONS = 20

to_people = Console(stderr=True)
COLUMNS = BarColumn(bar_width=10), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)


def events(run: str) -> Iterator[tuple[str, Any]]:
    """Kind and data of each event until the run is done. A broken stream is resumed at its last event."""
    last, broken = "0.0", 0
    while True:
        try:
            with (
                service() as client,
                client.stream("GET", f"/runs/{run}/events", headers={"Last-Event-ID": last}) as answer,
            ):
                if answer.is_error or not answer.headers.get("Content-Type", "").startswith("text/event-stream"):
                    answer.read()
                    exit_refused(answer)
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
                exit_unreachable(error)
        time.sleep(0.5)


def follow(run: str, as_json: bool) -> NoReturn:
    """Show a run until it ends, and exit with the matching status.

    For a paused run the command prints a line and waits: the run may be resumed, and it has no exit status yet.
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
                if pressed:  # Python ignores exceptions that are raised during garbage collection
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
            exit_with(INTERRUPTED, paused(run))
        exit_with(
            INTERRUPTED, f"the run continues; show it with antigrad watch {run}, cancel it with antigrad cancel {run}"
        )
    if as_json:
        say(json.dumps(done))
    else:
        _print_result(done)
        _print_diagnosis(done)
    raise typer.Exit(EXIT_STATUSES[done["status"]])


def paused(run: str) -> str:
    """Advice for a paused run. There is no command to resume one, so the advice is an HTTP request."""
    resume = f"{address().url.rstrip('/')}/runs/{run}/resume"
    return f"the run is paused; resume it with: curl -X POST {resume}   (cancel it with: antigrad cancel {run})"


def print_warnings(run: dict[str, Any]) -> None:
    """Print a run's warnings."""
    for warning in run["warnings"]:
        say(f"warning: {warning['pointer']}: {warning['detail']}; {warning['fix']}", err=True)


def _print_result(done: dict[str, Any]) -> None:
    """Print a run's final status and metrics."""
    reason = sentence(done["error"], done["error"]["message"]) if done["error"] else ""
    say(f"{done['id']} {done['status']} ({done['stop_reason'] or reason})")
    for part, metrics in done["metrics"].items():
        if metrics:
            say(f"  {part:<11}" + "  ".join(f"{name} {shown(value)}" for name, value in metrics.items()))
    if done["status"] == "failed":
        say(reason, err=True)


def _print_diagnosis(done: dict[str, Any]) -> None:
    """Print the worst finding about a run that diverged or learnt little.

    The diagnosis is optional: an error of this request does not change the exit status.
    """
    try:
        with service() as client:
            answer = client.get(f"/runs/{done['id']}/diagnosis")
    except httpx.RequestError:
        return
    worst = json_of(answer)[:1] if answer.is_success else []
    for finding in worst:
        if finding["severity"] == "error" or done["stop_reason"] == "diverged":
            change = sentence(finding.get("change"), finding["try"])
            say(f"{finding['finding']}; to try: {change}", err=True)


def news(progress: dict[str, Any]) -> str:
    """The text next to the bar, short enough for 80 columns: step, loss and a validation metric."""
    text = str(progress["step"]) + (f"/{progress['max_steps']}" if progress["max_steps"] else "")
    train, validation = (progress["metrics"].get(part) or {} for part in ("train", "validation"))
    if "loss" in train:
        text += f"  loss {shown(train['loss'])}"
    for name in ("accuracy", "loss"):
        if name in validation:
            return f"{text}  validation {name} {shown(validation[name])}"
    return text


def shown(value: float | str) -> str:
    """Format a number; JSON has NaN and ∞ as strings."""
    return value if isinstance(value, str) else f"{value:.4g}"
