"""`antigrad datasets show`, `statistics`, `duplicates`, `suspects`, `preview`, `export`, `cancel` and `delete`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.datasets import print_imported
from app.cli.http import AsJson, ask, download, resolve_run, segment, send, sentence
from app.cli.output import print_table, say, say_items, say_json
from app.cli.progress import shown

views = typer.Typer()
DatasetId = Annotated[str, typer.Argument(metavar="DATASET", help="a dataset's name or id", callback=segment)]
SplitOf = Annotated[str | None, typer.Option("--run", help="use this run's split, not the default one")]
MOST = 20  # classes or columns that are listed


@views.command()
def show(dataset: DatasetId, as_json: AsJson = False) -> None:
    """Show one dataset: its examples, classes or columns, and what its import had to say."""
    answer = ask("GET", f"/datasets/{dataset}")
    if as_json:
        say_json(answer)
        return
    if answer["status"] != "ready":
        reason = sentence(answer.get("failure"), answer["error"] or "")
        say(f"{answer['name']} version {answer['version']} {answer['status']}" + (f": {reason}" if reason else ""))
        return
    print_imported(answer)
    say(f"{answer['task']}, each input {'×'.join(map(str, answer['shape']))}")
    if answer["target"]:
        say(f"the target is {answer['target']}")
    say_items(_listed([f"{item['label']}: {item['count']:,}" for item in answer["classes"]]))
    say_items(_listed(list(map(_column, answer["columns"])) or answer["feature_names"]))


def _column(column: dict[str, Any]) -> str:
    values = len(column.get("categories", ()))
    return f"{column['name']} ({column['type']}{f' of {values}' if values else ''})"


def _listed(items: list[str]) -> list[str]:
    return items[:MOST] + ([f"and {len(items) - MOST} more"] if len(items) > MOST else [])


@views.command()
def statistics(
    dataset: DatasetId,
    part: Annotated[str, typer.Option(help="all, train, validation or test")] = "all",
    run: SplitOf = None,
    out: Annotated[Path | None, typer.Option(help="draw the mean pictures into this .png")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the brightness of pictures by class, or the range of each column."""
    query = {"part": part} | _split_of(run)
    if out is not None:
        _save(f"/datasets/{dataset}/means.png", out, "image/png", as_json, query)
        return
    answer = ask("GET", f"/datasets/{dataset}/statistics", params=query)
    if as_json:
        say_json(answer)
        return
    if answer["columns"] is not None:
        say(f"{answer['examples']:,} examples, {answer['rows']:,} rows read")
        columns = answer["columns"] + ([answer["target"] | {"name": "the target"}] if answer["target"] else [])
        values = ("min", "max", "mean", "std")
        print_table(
            ("column", *values), [(item["name"], *(shown(item[value]) for value in values)) for item in columns]
        )
        return
    say(f"{answer['examples']:,} examples, brightness {shown(answer['mean'])} ± {shown(answer['std'])} of 255")
    counts = {item["label"]: f"{item['count']:,}" for item in answer["classes"]}
    rows = [(label, counts[label], shown(mean)) for label, mean in answer["class_means"].items()]
    print_table(("class", "examples", "brightness"), rows)


def _split_of(run: str | None) -> dict[str, str]:
    return {} if run is None else {"run": resolve_run(run)}


@views.command()
def duplicates(dataset: DatasetId, run: SplitOf = None, as_json: AsJson = False) -> None:
    """List test examples that are also in the training part, or nearly so."""
    answer = ask("GET", f"/datasets/{dataset}/duplicates", params=_split_of(run))
    if as_json:
        say_json(answer)
        return
    say(f"{answer['found']:,} of {answer['compared']:,} test examples are in the training part, or nearly")
    labels = {True: "same", False: "another"}
    rows = [
        (str(item["test"]), str(item["train"]), shown(item["distance"]), labels[item["same_label"]])
        for item in answer["items"]
    ]
    if rows:
        print_table(("test", "train", "distance", "label"), rows)


@views.command()
def suspects(
    dataset: DatasetId,
    limit: Annotated[int, typer.Option(min=1, max=100, help="how many, the most doubtful first")] = 50,
    as_json: AsJson = False,
) -> None:
    """List examples whose labels may be wrong: those like them have another one."""
    answer = ask("GET", f"/datasets/{dataset}/suspects", params={"limit": limit})
    if as_json:
        say_json(answer)
        return
    say(f"{answer['found']:,} of {answer['examined']:,} examples have a neighbour with another label")
    rows = [
        (str(item["index"]), item["label"], item["suggested"], f"{item['agreeing']:.0%}") for item in answer["items"]
    ]
    if rows:
        print_table(("example", "label", "neighbours", "agreeing"), rows)


@views.command()
def preview(
    dataset: DatasetId,
    out: Annotated[Path | None, typer.Option(help="the picture's file; DATASET.png by default")] = None,
    part: Annotated[str, typer.Option(help="all, train, validation or test")] = "train",
    rows: Annotated[int, typer.Option(min=1, max=20)] = 4,
    columns: Annotated[int, typer.Option(min=1, max=20)] = 4,
    seed: Annotated[int, typer.Option(help="another seed chooses other pictures", min=0)] = 0,
    run: SplitOf = None,
    as_json: AsJson = False,
) -> None:
    """Draw some pictures of a dataset with their labels."""
    query = {"part": part, "rows": rows, "columns": columns, "seed": seed} | _split_of(run)
    _save(f"/datasets/{dataset}/preview.png", out or Path(f"{dataset}.png"), "image/png", as_json, query)


@views.command()
def export(
    dataset: DatasetId,
    out: Annotated[Path | None, typer.Option(help="the file; DATASET.npz by default")] = None,
    as_json: AsJson = False,
) -> None:
    """Save a dataset as .npz, with inputs, targets and names."""
    _save(f"/datasets/{dataset}/export.npz", out or Path(f"{dataset}.npz"), "application/octet-stream", as_json)


def _save(path: str, out: Path, kind: str, as_json: bool, query: dict[str, Any] | None = None) -> None:
    download(path, out, kind, params=query)
    say_json({"file": str(out)}) if as_json else say(str(out))


@views.command()
def cancel(dataset: DatasetId, as_json: AsJson = False) -> None:
    """Cancel an import."""
    answer = ask("POST", f"/datasets/{dataset}/cancel")
    say_json(answer) if as_json else say(f"{answer['name']} {answer['status']}")


@views.command()
def delete(
    names: Annotated[
        list[str],
        typer.Argument(metavar="DATASET...", help="ids, or names for the newest version", callback=segment),
    ],
    as_json: AsJson = False,
) -> None:
    """Delete uploaded datasets with their files."""
    for name in names:
        send("DELETE", f"/datasets/{name}")
        if not as_json:
            say(f"{name} deleted")
    if as_json:
        say_json({"deleted": names})
