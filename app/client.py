"""The user's commands, over HTTP: `antigrad train`, `watch`, `script`, `predict`, `runs`, `cancel`, `again`.

The exit status says how a command ended (`STATUSES`). With --json, standard output holds JSON and nothing else.
"""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from typer.core import TyperCommand

from app.settings import Address, is_sendable

FAILED, REFUSED, UNREACHABLE, CANCELLED, UNAUTHORIZED, INTERRUPTED = 1, 2, 3, 4, 5, 130
STATUSES = (
    "Exit status: 0 done, 1 the run failed, 2 the command or the request is wrong, 3 the service cannot be reached or "
    "cannot answer, 4 the run was cancelled, 5 the API key is missing or wrong, 130 Ctrl-C (the run goes on)."
)
ENDS = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED}
RECONNECTIONS = 20

commands = typer.Typer()
to_people = Console(stderr=True)
COLUMNS = BarColumn(bar_width=10), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)
Set = Annotated[list[str] | None, typer.Option("--set", help="any field, such as --set optimizer.lr=0.01")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="a run's id, or last for the newest")]


def service() -> httpx.Client:
    """The service at ANTIGRAD_URL, with ANTIGRAD_API_KEY if there is one; both may stand in .env, as the service's."""
    try:
        address = Address()
    except (OSError, UnicodeDecodeError) as error:
        leave(REFUSED, f"the file .env cannot be read: {error}")
    key = address.api_key.get_secret_value().strip() if address.api_key else None
    if key and not is_sendable(key):
        leave(UNAUTHORIZED, "ANTIGRAD_API_KEY cannot be a key: one holds letters, digits and signs of ASCII, no spaces")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        return httpx.Client(base_url=address.url, headers=headers, timeout=60)
    except httpx.InvalidURL as error:
        leave(REFUSED, f"ANTIGRAD_URL={address.url} is no address ({error}); give one like http://127.0.0.1:8000")


def leave(status: int, *lines: str) -> NoReturn:
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(status)


def unreachable(error: httpx.RequestError) -> NoReturn:
    leave(
        UNREACHABLE,
        f"the service does not answer: {error}",
        "start it with: antigrad serve   (another address: ANTIGRAD_URL=http://host:port)",
    )


def answered(method: str, path: str, **request: Any) -> httpx.Response:
    """An answer; a refusal or no answer at all ends the command with its reason."""
    try:
        with service() as client:
            answer = client.request(method, path, **request)
    except httpx.RequestError as error:
        unreachable(error)
    if answer.is_error:
        refused(answer)
    return answer


def ask(method: str, path: str, **request: Any) -> Any:
    """The JSON of an answer, or the end of the command as `answered` has it."""
    return content(answered(method, path, **request))


def content(answer: httpx.Response) -> Any:
    """The JSON of an answer of ours; what else may answer, such as a proxy, is told."""
    try:
        return answer.json()
    except ValueError:
        not_ours(answer, "JSON")


def not_ours(answer: httpx.Response, wanted: str) -> NoReturn:
    """Say that somebody else has answered."""
    kind = answer.headers.get("Content-Type", "something else")
    leave(
        UNREACHABLE,
        f"{answer.url} is answered with {answer.status_code} and {kind} instead of {wanted}: that is not Antigrad, or "
        "a proxy before it; is ANTIGRAD_URL right?",
    )


def refused(answer: httpx.Response) -> NoReturn:
    """Say why the service refuses."""
    problem = content(answer)
    if not isinstance(problem, dict) or not {"title", "detail"} <= problem.keys():
        leave(UNREACHABLE, f"{answer.url} is answered with {answer.status_code}, and not by Antigrad: {problem}")
    status = UNREACHABLE if answer.is_server_error else UNAUTHORIZED if answer.status_code == 401 else REFUSED
    fields = [f"  {field['pointer']}: {field['detail']}" for field in problem.get("errors", [])]
    leave(status, f"{problem['title']}: {problem['detail']}", *(fields if len(fields) > 1 else []))


def found(run: str) -> str:
    """The id that is meant."""
    if run != "last":
        return run
    newest = ask("GET", "/runs", params={"limit": 1})["items"]
    return str(newest[0]["id"]) if newest else leave(REFUSED, "there is no run yet; antigrad train DATASET makes one")


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
    """Show a run until it has ended; the exit status says how."""
    done: dict[str, Any] = {}
    pressed = False

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
                    progress.update(bar, news=data["status"])
                elif kind == "progress":
                    progress.update(bar, completed=data["fraction"], news=news(data))
                elif kind == "done":
                    done = data
    except KeyboardInterrupt:
        leave(INTERRUPTED, f"the run goes on; antigrad watch {run} shows it again, antigrad cancel {run} ends it")
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo(f"{done['id']} {done['status']} ({done['stop_reason'] or done['error']['message']})")
        for part, metrics in done["metrics"].items():
            if metrics:
                typer.echo(f"  {part:<11}" + "  ".join(f"{name} {shown(value)}" for name, value in metrics.items()))
        if done["status"] == "failed":
            typer.echo(done["error"]["message"], err=True)
    raise typer.Exit(ENDS[done["status"]])


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


class ManyLayers(TyperCommand):
    """`--layers 256 relu`: takes all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--layers" in args:
            first = args.index("--layers") + 1
            behind = next((i for i in range(first, len(args)) if args[i].startswith("-")), len(args))
            if behind > first:
                args = [*args[:first], " ".join(args[first:behind]), *args[behind:]]
        return super().parse_args(ctx, args)


def layer(word: str) -> dict[str, Any]:
    """`256` is a linear layer of so many units, a word is a layer's type."""
    return {"type": "linear", "units": int(word)} if word.isdecimal() else {"type": word}


@commands.command(cls=ManyLayers)
def train(
    dataset: Annotated[str, typer.Argument(help="such as notmnist")],
    layers: Annotated[str | None, typer.Option(help="such as: --layers 256 relu 64 tanh")] = None,
    preset: Annotated[str | None, typer.Option(help="a network by name, such as vgg_small, with its recipe")] = None,
    optimizer: Annotated[str | None, typer.Option(help="such as adam, momentum or sgd")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[str | None, typer.Option(help="a number, or full")] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    name: Annotated[str | None, typer.Option()] = None,
    change: Set = None,
    wait: Annotated[bool, typer.Option(help="show the run until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a network and watch it learn."""
    request: dict[str, Any] = {"dataset": dataset}
    if layers is not None:
        request["model"] = {"layers": [layer(word) for word in layers.split()]}
    if preset is not None:
        request["model"] = request.get("model", {}) | {"preset": preset}
    if optimizer is not None or lr is not None:
        named = {"name": optimizer or "adam"} if optimizer or not preset else {}  # a preset has its own
        request["optimizer"] = named | ({} if lr is None else {"lr": lr})
    if epochs is not None:
        request["stop"] = {"max_epochs": epochs}
    if batch_size is not None:
        request["batch_size"] = int(batch_size) if batch_size.isdecimal() else batch_size
    request |= {key: value for key, value in (("seed", seed), ("name", name)) if value is not None}
    put(request, change)
    _queued(ask("POST", "/runs", json=request), wait, as_json)


@commands.command()
def again(
    run: RunId,
    change: Set = None,
    wait: Annotated[bool, typer.Option(help="show the run until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a run's network anew, with changes."""
    changes: dict[str, Any] = {}
    put(changes, change)
    _queued(ask("POST", f"/runs/{found(run)}/again", json=changes), wait, as_json)


def put(request: dict[str, Any], changes: list[str] | None) -> None:
    """Each `optimizer.lr=0.01` into the request; a value is JSON, or else text."""
    for item in changes or []:
        path, equals, value = item.partition("=")
        if not equals:
            leave(REFUSED, f"{item!r} is no change; write --set optimizer.lr=0.01")
        *above, field = path.split(".")
        inside = request
        for part in above:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                leave(REFUSED, f"{item!r}: {part} is a value already, in which nothing can be set")
        try:
            inside[field] = json.loads(value)
        except ValueError:
            inside[field] = value


def _queued(run: dict[str, Any], wait: bool, as_json: bool) -> None:
    if wait:
        follow(run["id"], as_json)
    typer.echo(json.dumps(run) if as_json else run["id"])


@commands.command()
def watch(run: RunId, as_json: AsJson = False) -> None:
    """Show a run until it has ended."""
    follow(found(run), as_json)


@commands.command()
def script(run: RunId) -> None:
    """Print a run as one plain PyTorch script, such as: antigrad script last > train.py"""
    answer = answered("GET", f"/runs/{found(run)}/script")
    if not answer.headers.get("Content-Type", "").startswith("text/x-python"):
        not_ours(answer, "Python")
    typer.echo(answer.text, nl=False)


@commands.command()
def predict(
    run: RunId,
    pictures: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    fit: Annotated[bool, typer.Option(help="convert pictures of another size")] = False,
    as_json: AsJson = False,
) -> None:
    """Classify pictures."""
    files = [("image", (picture.name, picture.read_bytes())) for picture in pictures]
    answer = ask("POST", "/predict", params={"run": found(run), "fit": fit}, files=files)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    for picture, prediction in zip(pictures, answer["predictions"], strict=True):
        best = ", ".join(f"{item['label']} {item['probability']:.3f}" for item in prediction["top"])
        typer.echo(f"{picture}: {best}")


@commands.command()
def runs(
    status: Annotated[str | None, typer.Option()] = None,
    dataset: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    wanted = {"status": status, "dataset": dataset, "limit": limit}
    answer = ask("GET", "/runs", params={key: value for key, value in wanted.items() if value is not None})
    if as_json:
        typer.echo(json.dumps(answer))
        return
    table = Table("run", "status", "step", "test", "dataset", "name", box=None, pad_edge=False)
    for run in answer["items"]:
        test = run["metrics"]["test"] or {}
        best = next((f"{name} {shown(test[name])}" for name in ("accuracy", "r2") if name in test), "")
        step = str(run["progress"].get("step", ""))
        table.add_row(run["id"], run["status"], step, best, run["request"]["dataset"], run["name"])
    # Wider than any terminal: an id that is cut off is of no use.
    Console(width=10_000, markup=False, emoji=False, highlight=False).print(table)


@commands.command()
def cancel(run: RunId, as_json: AsJson = False) -> None:
    """Cancel a run, and wait until it has stopped."""
    id = found(run)
    answer = ask("POST", f"/runs/{id}/cancel")
    while answer["status"] not in ENDS:
        answer = ask("GET", f"/runs/{id}", params={"wait": 10})
    typer.echo(json.dumps(answer) if as_json else f"{id} {answer['status']}")
