"""`antigrad diagnose`, `curve`, `evaluate`, `examples`, `filters`, `checkpoints` and `timeline`: what a run has shown;
`script`, `weights`, `onnx` and `card`: its exports."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.http import REFUSED, AsJson, ask, download, exit_not_antigrad, exit_with, resolve_run, send, sentence
from app.cli.output import print_table, say, say_items, say_json
from app.cli.progress import shown
from app.cli.runs import Axis, RunId
from app.os_errors import reason_of

results = typer.Typer()
CURVE_KINDS = {".png": "image/png", ".svg": "image/svg+xml", ".csv": "text/csv"}
BARS = "▁▂▃▄▅▆▇█"
POINTS = 24  # of a curve on the terminal
PAIRS = 5  # of confused classes


@results.command()
def diagnose(run: RunId, as_json: AsJson = False) -> None:
    """Explain what went wrong in a run, with a change to try."""
    findings = ask("GET", f"/runs/{resolve_run(run)}/diagnosis")
    if as_json:
        say_json(findings)
        return
    for finding in findings:
        say(f"{finding['severity']}: {finding['finding']}")
        say(f"  to try: {sentence(finding.get('advice'), finding['try'])}")
    if not findings:
        say("nothing was found")


@results.command()
def curve(
    run: RunId,
    series: Annotated[str | None, typer.Option(help="names with commas, such as train.loss,validation.loss")] = None,
    from_step: Annotated[int | None, typer.Option(min=0, help="the first step to show")] = None,
    to_step: Annotated[int | None, typer.Option(min=0, help="the last step to show")] = None,
    points: Annotated[int | None, typer.Option(help="with --json: the most points of a series")] = None,
    axis: Axis = "step",
    out: Annotated[Path | None, typer.Option(help="write the curve to this .png, .svg or .csv")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how loss and metrics changed over the steps."""
    query: dict[str, Any] = {} if series is None else {"series": series}
    between = {name: step for name, step in (("from_step", from_step), ("to_step", to_step)) if step is not None}
    if out is None:
        path = f"/runs/{resolve_run(run)}/curve"
        if as_json:
            say_json(ask("GET", path, params=query | between | ({} if points is None else {"points": points})))
            return
        answer = ask("GET", path, params=query | between | {"points": POINTS})
        for name, drawn in answer["series"].items():
            values = drawn["value"]
            say(name)
            say_items([sparkline(values), f"{shown(values[0])} → {shown(values[-1])}" if values else "no points yet"])
        return
    if (kind := CURVE_KINDS.get(out.suffix.lower())) is None:
        exit_with(REFUSED, f"{out}: a curve is written as {', '.join(CURVE_KINDS)}; choose one of these endings")
    if between:
        exit_with(REFUSED, f"{out}: a file has the whole curve; leave --from-step and --to-step out")
    query |= {} if kind == "text/csv" else {"axis": axis}
    download(f"/runs/{resolve_run(run)}/curve{out.suffix.lower()}", out, kind, params=query)
    say_json({"file": str(out)}) if as_json else say(str(out))


def sparkline(values: Sequence[float | str]) -> str:
    """A bar for each value; a point for NaN and ∞, which JSON has as strings."""
    finite = [value for value in values if not isinstance(value, str) and math.isfinite(value)]
    if not finite:
        return "·" * len(values)
    least, span = min(finite), max(finite) - min(finite) or 1.0
    return "".join(
        "·" if isinstance(value, str) else BARS[round((value - least) / span * (len(BARS) - 1))] for value in values
    )


@results.command()
def evaluate(
    run: RunId,
    part: Annotated[str, typer.Option(help="train, validation or test")] = "test",
    as_json: AsJson = False,
) -> None:
    """Show how well an ended run predicts one part of its dataset."""
    answer = ask("GET", f"/runs/{resolve_run(run)}/evaluation", params={"part": part})
    if as_json:
        say_json(answer)
        return
    say(f"{answer['part']} part, {answer['examples']:,} examples")
    if "classes" not in answer:
        say_items(
            [f"{name} {shown(answer[name])}" for name in ("mse", "mae", "r2", "mape") if answer[name] is not None]
        )
        return
    top = (answer["top_k_accuracy"] or {}).items()
    say_items([f"accuracy {shown(answer['accuracy'])}", *(f"top {k} {shown(value)}" for k, value in top)])
    scores = ("precision", "recall", "f1")
    rows = [
        (item["label"], *(shown(item[name]) for name in scores), str(item["support"])) for item in answer["per_class"]
    ]
    print_table(("class", *scores, "examples"), rows)
    for count, label, predicted in confused(answer["classes"], answer["confusion_matrix"])[:PAIRS]:
        say(f"{label} taken for {predicted}: {count}")


def confused(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[tuple[int, str, str]]:
    """Count, class and predicted class of the mistakes, most frequent first."""
    pairs = [
        (count, classes[row], classes[column])
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if count and row != column
    ]
    return sorted(pairs, key=lambda pair: -pair[0])


@results.command()
def examples(
    run: RunId,
    part: Annotated[str, typer.Option(help="train, validation or test")] = "test",
    mistakes: Annotated[bool, typer.Option("--mistakes", help="leave out what is right")] = False,
    label: Annotated[str | None, typer.Option(help="only examples of this class")] = None,
    predicted: Annotated[str | None, typer.Option(help="only examples that are taken for this class")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, the most certain first")] = 20,
    as_json: AsJson = False,
) -> None:
    """List examples of a part with what a run predicts for them, such as its most certain mistakes."""
    given = {"part": part, "mistakes": mistakes, "label": label, "predicted": predicted, "limit": limit}
    query = {name: value for name, value in given.items() if value is not None}
    answer = ask("GET", f"/runs/{resolve_run(run)}/examples", params=query)
    if as_json:
        say_json(answer)
        return
    say(f"{answer['count']:,} examples of the {answer['part']} part")
    rows = [(str(item["index"]), *map(_text, (item["label"], item["predicted"], item["probability"])))
            for item in answer["items"]]  # fmt: skip
    if rows:
        print_table(("example", "is", "predicted", "probability"), rows)


def _text(value: str | float | None) -> str:
    """A class, or a number; empty for null."""
    return "" if value is None else value if isinstance(value, str) else shown(value)


@results.command()
def filters(
    run: RunId,
    out: Annotated[Path | None, typer.Option(help="the file to write; by default the run's id with .png")] = None,
    step: Annotated[int | None, typer.Option(min=1, help="a checkpoint; by default the final weights")] = None,
    as_json: AsJson = False,
) -> None:
    """Draw what each unit of the first layer looks for in a picture."""
    id = resolve_run(run)
    file = Path(f"{id}.png") if out is None else out
    download(f"/runs/{id}/filters.png", file, "image/png", params={} if step is None else {"step": step})
    say_json({"file": str(file)}) if as_json else say(str(file))


@results.command()
def script(
    run: RunId,
    out: Annotated[Path | None, typer.Option(help="write the script to this file")] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="also write the dataset that the script reads, beside it")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print a run as one plain PyTorch script, such as: antigrad script last > train.py"""
    id = resolve_run(run)
    answer = send("GET", f"/runs/{id}/script")
    if not answer.headers.get("Content-Type", "").startswith("text/x-python"):
        exit_not_antigrad(answer, "Python")
    data = None
    if with_data:
        dataset = ask("GET", f"/datasets/{ask('GET', f'/runs/{id}')['request']['dataset']}")
        data = (Path() if out is None else out.parent) / f"{dataset['name']}.npz"
        download(f"/datasets/{dataset['id']}/export.npz", data, "application/octet-stream")
        say(f"the data: {data}", err=True)
    if out is not None:
        try:
            out.write_text(answer.text, encoding="utf-8")
        except OSError as error:
            exit_with(REFUSED, f"{out} cannot be written: {reason_of(error)}")
    if as_json:
        files = {"file": out, "data": data}
        written = {role: None if file is None else str(file) for role, file in files.items()}
        say_json({"run": id, "script": answer.text} | written)
    elif out is None:
        typer.echo(answer.text, nl=False)
    else:
        say(str(out))


@results.command()
def checkpoints(run: RunId, as_json: AsJson = False) -> None:
    """List the checkpoints of a run; antigrad predict RUN --step STEP predicts with one."""
    answer = ask("GET", f"/runs/{resolve_run(run)}/checkpoints")
    if as_json:
        say_json(answer)
        return
    rows = []
    for item in answer["items"]:
        metrics = (item["metrics"] or {}).get("validation") or {}
        scores = "  ".join(f"{name} {shown(value)}" for name, value in metrics.items() if value is not None)
        rows.append((str(item["step"]), str(item["epoch"]), item["created_at"], scores))
    print_table(("step", "epoch", "at", "validation"), rows)


@results.command()
def timeline(run: RunId, as_json: AsJson = False) -> None:
    """List what happened to a run: changes of its status, and its attempts with their workers."""
    answer = ask("GET", f"/runs/{resolve_run(run)}/timeline")
    if as_json:
        say_json(answer)
        return
    rows = []
    for item in answer["items"]:
        status = f"{item['status']}, its process died" if item["died"] else item["status"]
        rows.append((item["at"], status, str(item["attempt"] or ""), item["worker"] or ""))
    print_table(("at", "status", "attempt", "worker"), rows)


@results.command()
def weights(
    run: RunId,
    out: Annotated[
        Path | None, typer.Option(help="the file to write; by default the run's id with .safetensors")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save the trained parameters as safetensors."""
    id = resolve_run(run)
    file = Path(f"{id}.safetensors") if out is None else out
    download(f"/runs/{id}/weights", file, "application/octet-stream")
    say_json({"file": str(file)}) if as_json else say(str(file))


@results.command()
def onnx(
    run: RunId,
    out: Annotated[Path | None, typer.Option(help="the file to write; by default the run's id with .onnx")] = None,
    pixels: Annotated[str, typer.Option(help="type of a picture's pixels: uint8 or float32")] = "uint8",
    as_json: AsJson = False,
) -> None:
    """Save the trained network as ONNX, which other programs run: its input is a raw picture or row."""
    id = resolve_run(run)
    file = Path(f"{id}.onnx") if out is None else out
    download(f"/runs/{id}/onnx", file, "application/octet-stream", params={"pixels": pixels})
    say_json({"file": str(file)}) if as_json else say(str(file))


@results.command()
def card(
    run: RunId,
    out: Annotated[Path | None, typer.Option(help="write the card to this file, such as README.md")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the model card of a run as Markdown: data, training, figures, diagnosis and limits."""
    id = resolve_run(run)
    if out is not None:
        download(f"/runs/{id}/card", out, "text/markdown")
        say_json({"file": str(out)}) if as_json else say(str(out))
    elif as_json:
        say_json(ask("GET", f"/runs/{id}/card.json"))
    else:
        say(send("GET", f"/runs/{id}/card").text)
