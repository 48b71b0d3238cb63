"""Progress of a run on the terminal, from its event stream."""

import json
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.http import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    UNMET,
    exit_refused,
    exit_unreachable,
    exit_with,
    json_of,
    quoted,
    sentence,
    service,
)
from app.cli.output import say
from app.cli.requirement import Requirement

EXIT_STATUSES = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED}
RECONNECTIONS = 20
BESIDE = 18  # columns of the bar and the remaining time

NOBODY_WORKS = "no worker is alive, so this waits; start one with antigrad serve or antigrad worker"

to_people = Console(stderr=True)
COLUMNS = BarColumn(bar_width=10), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)


def events(run: str) -> Iterator[tuple[str, Any]]:
    """Kind and data of each event until the run is done, and a `ping` now and then. A broken stream is resumed at its
    last event."""
    last, broken = "0.0", 0
    while True:
        try:
            with (
                service() as client,
                client.stream("GET", quoted(f"/runs/{run}/events"), headers={"Last-Event-ID": last}) as answer,
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
                    if "event" not in event:
                        yield "ping", None
                    else:
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


class _Display:
    """A run on the terminal: its bar, its status, and what the user has to know while it waits."""

    def __init__(self, run: str, quiet: bool) -> None:
        self.run, self.status, self.warned = run, "", False
        self.progress = Progress(*COLUMNS, console=to_people, disable=quiet)
        self.bar = self.progress.add_task("", total=1.0, news="")

    def show(self, kind: str, data: Any) -> None:
        """Show an event."""
        if kind == "status":
            if data["status"] == "paused" != self.status:
                self._say(paused(self.run))
            self.status = data["status"]
            self.progress.update(self.bar, news=self.status)
        elif kind == "progress":
            text = self.status if self.status == "paused" else news(data, to_people.width)
            self.progress.update(self.bar, completed=data["fraction"], news=text)
        if self.status == "queued" and not self.warned and nobody_works():
            self.warned = True
            self._say(NOBODY_WORKS)

    def _say(self, text: str) -> None:
        self.progress.console.print(text, soft_wrap=True, markup=False, highlight=False)


def follow(run: str, as_json: bool, requirements: Sequence[Requirement] = ()) -> NoReturn:
    """Show a run until it ends, and exit with the matching status, which depends on the requirements if it succeeds.

    For a paused run the command prints a line and waits: the run may be resumed, and it has no exit status yet.
    """
    done: dict[str, Any] = {}
    pressed = False

    def interrupt(*_: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    display = _Display(run, quiet=as_json)
    try:
        if not as_json:
            say(run, err=True)
        with display.progress:
            for kind, data in events(run):
                if pressed:  # Python ignores exceptions that are raised during garbage collection
                    raise KeyboardInterrupt
                display.show(kind, data)
                done = data if kind == "done" else done
    except KeyboardInterrupt:
        if display.status == "paused":
            exit_with(INTERRUPTED, paused(run))
        exit_with(
            INTERRUPTED, f"the run continues; show it with antigrad watch {run}, cancel it with antigrad cancel {run}"
        )
    if as_json:
        say(json.dumps(done))
    else:
        _print_result(done)
        _print_diagnosis(done)
    status = EXIT_STATUSES[done["status"]]
    unmet = [reason for reason in (requirement.unmet(done["metrics"]) for requirement in requirements) if reason]
    if unmet and status == 0:
        exit_with(UNMET, *unmet)
    exit_with(status)


def paused(run: str) -> str:
    """Advice for a paused run."""
    return f"the run is paused; resume it with: antigrad resume {run}   (cancel it with: antigrad cancel {run})"


def nobody_works() -> bool:
    """True if the service has no worker that is alive. An error of this request is left to the next one."""
    try:
        with service() as client:
            answer = client.get("/workers")
    except httpx.RequestError:
        return False
    return answer.is_success and not json_of(answer)["items"]


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
            change = sentence(finding.get("advice"), finding["try"])
            say(f"{finding['finding']}; to try: {change}", err=True)
            if finding.get("change"):
                say(f"antigrad fix {done['id']} does so", err=True)


def news(progress: dict[str, Any], columns: int) -> str:
    """The text next to the bar, of what fits into a line of so many columns: step, loss and a validation metric."""
    text = str(progress["step"]) + (f"/{progress['max_steps']}" if progress["max_steps"] else "")
    train, validation = (progress["metrics"].get(part) or {} for part in ("train", "validation"))
    items = [f"loss {shown(train['loss'])}"] if "loss" in train else []
    items += [f"validation {name} {shown(validation[name])}" for name in ("accuracy", "loss") if name in validation][:1]
    for item in items:
        if len(text) + len(item) + 2 + BESIDE <= columns:
            text += f"  {item}"
    return text


def shown(value: float | str | None) -> str:
    """Format a number; JSON has NaN and ∞ as strings, and null for what is not defined."""
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.4g}"
