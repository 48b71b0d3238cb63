"""All commands: JSON for scripts, escaped names, few columns, completion in the shell."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from app.api.openapi import operations
from app.cli.main import main
from app.cli.output import print_table
from app.main import create_app
from app.settings import Settings
from tests.support.commands import antigrad

HOSTILE = "a\x1b[2Jb\u202ec"
LONG_RUNNING = {"serve", "worker"}
COMMAND_OF = {
    "predict": "predict", "create_batch": "batches add", "list_batches": "batches list", "get_batch": "batches show",
    "delete_batch": "batches delete", "get_batch_result": "batches result", "create_run": "train",
    "get_run_table": "runs", "draw_runs": "runs", "export_runs": "export", "export_curves": "export",
    "list_runs": "runs", "delete_runs": "delete", "cancel_runs": "cancel",
    "get_run": "watch", "watch_run": "watch", "change_run": "rename",
    "tag_runs": "tag", "delete_run": "delete", "cancel_run": "cancel",
    "pause_run": "pause", "resume_run": "resume", "repeat_run": "again", "get_evaluation": "evaluate",
    "get_timeline": "timeline", "compare_runs": "compare", "group_runs": "groups",
    "list_checkpoints": "checkpoints", "download_weights": "weights", "get_curve": "curve", "get_curve_csv": "curve",
    "draw_curve": "curve", "get_diagnosis": "diagnose", "get_script": "script", "get_onnx": "onnx", "get_card": "card",
    "get_card_json": "card", "list_published_datasets": "datasets list", "import_published_dataset": "datasets add",
    "list_datasets": "datasets list", "upload_dataset": "datasets add", "get_dataset": "datasets show",
    "delete_dataset": "datasets delete", "draw_preview": "datasets preview", "export_dataset": "datasets export",
    "cancel_import": "datasets cancel", "get_statistics": "datasets statistics", "draw_means": "datasets statistics",
    "find_duplicates": "datasets duplicates", "find_suspects": "datasets suspects", "list_examples": "examples",
    "draw_filters": "filters", "point_model": "promote", "get_model": "models show",
    "delete_model": "models delete", "roll_back_model": "rollback", "list_models": "models list",
    "get_shadow": "models shadow", "correct_prediction": "label", "list_predictions": "models predictions",
    "get_feedback": "models feedback", "get_corrected": "models feedback", "get_drift": "models drift",
    "trace_architecture": "trace", "start_race": "race", "get_race": "race", "draw_race": "race",
    "list_experiments": "experiments list", "get_experiment": "experiments show", "start_experiment": "experiments run",
    "get_experiment_results": "experiments run", "get_queue": "queue", "list_workers": "workers", "get_me": "me",
    "share_run": "share", "share_race": "share", "share_experiment": "share", "list_shares": "shares list",
    "delete_share": "shares delete", "list_changes": "audit", "create_sweep": "sweep", "list_sweeps": "sweeps list",
    "get_sweep": "sweeps show", "change_sweep": "sweeps extend", "cancel_sweep": "sweeps cancel",
    "delete_sweep": "sweeps delete", "promote_sweep": "sweeps promote", "get_sweep_importance": "sweeps importance",
}  # fmt: skip
OF_PROGRAMS = """
    watch_runs check_live check_ready describe_server check_model_ready check_model_version_ready describe_model
    describe_model_version infer infer_version check_health check_readiness expose_metrics
"""  # streams, probes, and protocols that programs speak
OF_PAGES = """
    get_diagnostics list_samples get_picture get_picture_numbers get_split inspect_architecture inspect_run list_presets
    get_preset draw_architecture draw_run list_layers list_losses list_optimizers list_schedules compute_trajectory
    draw_trajectory draw_experiment get_map list_surfaces compute_contours
"""  # pieces of pictures, and the reference that the documents print
WITHOUT = {*OF_PROGRAMS.split(), *OF_PAGES.split()}
GIVEN_OTHERWISE: dict[str, tuple[str, ...]] = {  # q is --search
    "predict": ("model",),  # RUN may be a model's name
    "create_batch": ("model",),
    "get_run": ("wait",),
    **dict.fromkeys(("get_run_table", "draw_runs", "list_runs", "delete_runs", "cancel_runs", "tag_runs"), ("q",)),
    **dict.fromkeys(("export_runs", "export_curves", "group_runs"), ("q",)),
    "repeat_run": ("fix",),  # antigrad fix
    "upload_dataset": ("catalogue", "types"),  # by the names of the files, and --type
}


def commands(group: Any, *before: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *before, name)
        else:
            yield " ".join((*before, name)), command


COMMANDS = dict(commands(typer.main.get_command(main)))


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - LONG_RUNNING))
def test_every_command_prints_json_for_scripts(name: str) -> None:
    options = [option for parameter in COMMANDS[name].params for option in parameter.opts]
    assert "--json" in options
    assert COMMANDS[name].help, "each command says what it does"


def test_the_command_line_does_what_the_service_does() -> None:
    """Each operation of the OpenAPI document has a command, or belongs to programs and pictures of pages."""
    local = "serve worker migrate doctor backup restore"
    keys = [f"keys {name}" for name in ("create", "list", "limit", "revoke")]
    assert COMMANDS.keys() >= {*local.split(), *keys, *COMMAND_OF.values()}
    document = create_app(Settings(_env_file=None)).openapi()
    known = {operation["operationId"] for _, _, operation in operations(document)}
    assert known == COMMAND_OF.keys() | WITHOUT
    assert not COMMAND_OF.keys() & WITHOUT


def test_each_query_parameter_is_an_option() -> None:
    document = create_app(Settings(_env_file=None)).openapi()
    missing = []
    for _, _, operation in operations(document):
        id = operation["operationId"]
        if (command := COMMAND_OF.get(id)) is None:
            continue
        options = {opt for parameter in COMMANDS[command].params for opt in (*parameter.opts, parameter.name)}
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            if (
                parameter["in"] == "query"
                and not {name, f"--{name}"} & options
                and name not in GIVEN_OTHERWISE.get(id, ())
            ):
                missing.append((command, name))
    assert missing == []


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("words", [["runs"], ["datasets", "list"], ["experiments"], ["evaluate", "last"]])
def test_forty_columns_are_enough(address: str, words: list[str]) -> None:
    done = antigrad(address, *words, COLUMNS="40")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert words != ["runs"] or any(re.fullmatch(r"run_\w+", line) for line in lines)
    wide = [line for line in lines if len(line) > 40 and "  " in line.strip()]
    assert wide == []  # only a single long text is wider


@pytest.mark.parametrize("name", ["", "train", "predict", "datasets add"])
def test_help_cuts_no_option_off_in_forty_columns(name: str) -> None:
    shown = antigrad("127.0.0.1:1", *name.split(), "--help", COLUMNS="40").stdout
    assert [line for line in shown.splitlines() if len(line) > 40 and not line.startswith("Usage: python -m")] == []
    if name:
        options = [option for parameter in COMMANDS[name].params for option in parameter.opts if option.startswith("-")]
        assert all(option in shown for option in options)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_a_table_cuts_nothing_off_and_escapes_names(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    long = "a name of very many words that is longer than a line of forty columns"
    print_table(("run", "name", "note"), [("run_1", long, HOSTILE), ("run_2", "漢字", None)])
    shown = capsys.readouterr().out
    assert long in shown and "run_1" in shown and "漢字" in shown
    assert "\x1b" not in shown and "\u202e" not in shown and r"a\x1b[2Jb\u202ec" in shown


def test_names_of_older_services_command_no_terminal(address: str, trained: str) -> None:
    """A model's name has few characters by now; what is printed is escaped all the same."""
    done = antigrad(address, "models", "show", HOSTILE)
    assert done.returncode == 2 and "\x1b" not in done.stderr + done.stdout
    unknown = antigrad(address, "experiments", "show", HOSTILE)
    assert unknown.returncode == 2 and "\x1b" not in unknown.stderr and "\u202e" not in unknown.stderr


@pytest.mark.parametrize("name", ["a/b", "../datasets/digits", "a?b=c", "..", "%2e%2e", ""])
@pytest.mark.parametrize(
    "command", [["datasets", "delete"], ["datasets", "export"], ["models", "delete"], ["delete"], ["evaluate"]]
)
def test_a_name_is_no_address(address: str, command: list[str], name: str) -> None:
    done = antigrad(address, *command, name)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""
    assert httpx.get(f"http://{address}/datasets/digits").status_code == 200


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("antigrad res", {"restore", "resume"}),
        ("antigrad datasets pre", {"preview"}),
        ("antigrad train --ep", {"--epochs"}),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, completed: set[str]) -> None:
    words = typed.split()
    environment = {"_ANTIGRAD_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    done = CliRunner().invoke(main, [], prog_name="antigrad", env=environment)
    assert set(done.output.split()) == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_that_is_not_recognised_can_be_named(shell: str) -> None:
    """`--show-completion` looks for the shell among the parents of the process: there may be none."""
    shown = CliRunner().invoke(main, [], prog_name="antigrad", env={"_ANTIGRAD_COMPLETE": f"source_{shell}"})
    assert shown.exit_code == 0 and f"complete_{shell}" in shown.output


def test_json_is_one_document(address: str, trained: str) -> None:
    for words in (["runs"], ["datasets", "show", "digits"], ["models", "list"], ["experiments", "list"],
                  ["curve", trained], ["evaluate", trained], ["diagnose", trained], ["watch", trained]):  # fmt: skip
        done = antigrad(address, *words, "--json")
        assert done.returncode == 0, done.stderr
        json.loads(done.stdout)
