"""`antigrad models shadow`, `drift`, `predictions` and `feedback`, and `antigrad label`: how good a model is live."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.http import REFUSED, AsJson, Cursor, ask, ask_page, download, exit_with, say_next, segment, sentence
from app.cli.models import ModelName, Owner, of_owner
from app.cli.output import print_table, say, say_items, say_json
from app.cli.progress import shown

quality = typer.Typer()
labelling = typer.Typer()


@quality.command("shadow")
def show_shadow(name: ModelName, owner: Owner = None, as_json: AsJson = False) -> None:
    """Compare a model's answers with those of the run in its shadow."""
    answer = ask("GET", f"/models/{name}/shadow", params=of_owner(owner))
    if as_json:
        say_json(answer)
        return
    say(f"{answer['model']} version {answer['version']}: {answer['run']}")
    say(f"shadow: {answer['shadow']}, share {answer['share']:.4g}")
    agreement = "" if answer["agreement"] is None else f" ({100 * answer['agreement']:.1f}%)"
    say(f"agreed on {answer['agreed']:,} of {answer['compared']:,} inputs{agreement}")
    say(f"failed {answer['failed']:,}, dropped {answer['dropped']:,}")
    if answer["live_milliseconds"] is not None:
        say(f"live {shown(answer['live_milliseconds'])} ms, shadow {shown(answer['shadow_milliseconds'])} ms")
    rows = [(item["at"], _said(item["live"]), _said(item["shadow"])) for item in answer["differing"]]
    if rows:
        print_table(("differing", "live", "shadow"), rows)


def _said(prediction: dict[str, Any]) -> str:
    """A class with its probability, or a value."""
    if prediction["label"] is None:
        return shown(prediction["value"])
    return f"{prediction['label']} {shown(prediction['probability'])}"


@quality.command("drift")
def show_drift(name: ModelName, as_json: AsJson = False) -> None:
    """Compare the newest logged inputs with those of the training."""
    answer = ask("GET", f"/models/{name}/drift")
    if as_json:
        say_json(answer)
        return
    for run in answer["runs"]:
        judged = {None: "too few inputs to judge", True: "drifted", False: "as in the training"}[run["drifted"]]
        say(f"{run['run']}: {judged}, {run['examined']:,} inputs examined")
        for message, words in zip(run["messages"], run["words"], strict=True):
            say(f"  {sentence(message, words)}")


@quality.command("predictions")
def list_predictions(
    name: ModelName,
    labelled: Annotated[
        bool | None, typer.Option("--labelled/--unlabelled", help="only those with a label, or only those without")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, the newest first")] = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the logged predictions that you have asked for, newest first."""
    answer = ask_page(f"/models/{name}/predictions", limit, cursor, labelled=labelled)
    if as_json:
        say_json(answer)
        return
    rows = [(item["id"], _said(item), _right(item), item["run"], item["created_at"]) for item in answer["items"]]
    print_table(("prediction", "said", "right", "run", "at"), rows)
    say_next(answer)


def _right(prediction: dict[str, Any]) -> str:
    value = prediction["true_value"]
    return prediction["true_label"] or ("" if value is None else shown(value))


@quality.command("feedback")
def show_feedback(
    name: ModelName,
    out: Annotated[Path | None, typer.Option(help="save the corrected predictions as this .npz, a dataset")] = None,
    as_json: AsJson = False,
) -> None:
    """Show how good a model is, by the predictions that people have labelled."""
    if out is not None:
        download(f"/models/{name}/feedback.npz", out, "application/octet-stream")
        say_json({"file": str(out)}) if as_json else say(str(out))
        return
    answer = ask("GET", f"/models/{name}/feedback")
    if as_json:
        say_json(answer)
        return
    say(f"{answer['model']}: {answer['logged']:,} predictions logged, {answer['labelled']:,} labelled")
    for run in answer["runs"]:
        scores = {"accuracy": run["accuracy"], "mean absolute error": run["mean_absolute_error"]}
        known = [f"{score} {shown(value)}" for score, value in scores.items() if value is not None]
        say(run["run"])
        say_items([f"{run['labelled']:,} of {run['logged']:,} labelled", *known])


@labelling.command()
def label(
    prediction: Annotated[
        str, typer.Argument(metavar="PREDICTION", help="id of a logged prediction", callback=segment)
    ],
    right: Annotated[str | None, typer.Argument(metavar="[LABEL]", help="the right class")] = None,
    value: Annotated[float | None, typer.Option(help="of a regression: the right value")] = None,
    as_json: AsJson = False,
) -> None:
    """Say which class or value is right for a logged prediction."""
    if (right is None) == (value is None):
        exit_with(REFUSED, "give the right class, such as antigrad label PREDICTION B, or --value 148 for a regression")
    body = {"label": right} if value is None else {"value": value}
    answer = ask("POST", f"/predictions/{prediction}/label", json=body)
    say_json(answer) if as_json else say(f"{answer['id']}: {_said(answer)}, right is {_right(answer)}")
