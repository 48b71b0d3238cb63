"""`antigrad migrate`, `doctor`, `backup` and `restore`: maintenance of the service's data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from app.cli.http import REFUSED, AsJson, exit_with
from app.cli.output import say, say_json
from app.cli.serve import checked_settings

admin = typer.Typer()


@admin.command()
def migrate(as_json: AsJson = False) -> None:
    """Upgrade the database schema to the newest revision."""
    from app.ops.startup import starting  # imported late, here and below: it loads SQLAlchemy
    from app.storage import migrate as schema
    from app.storage.database import Database

    settings = checked_settings()
    with starting(settings):
        settings.create_home()
        schema.upgrade(Database(settings.database))
    say_json({"schema": "newest"}) if as_json else say("the schema is at the newest revision")


@admin.command()
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="delete files that belong to no run and no dataset")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine and this service's settings; exit status 1 if something needs repair."""
    from app.ops.doctor import examine

    findings = list(examine(fix))
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            say(f"{finding.status:<5} {finding.check:<11} {finding.detail}")
            if finding.advice:
                say(f"{'':<17} {finding.advice}")
    raise typer.Exit(any(finding.status == "fail" for finding in findings))


@admin.command()
def backup(
    file: Annotated[Path, typer.Argument(help="the file to write, such as antigrad.tar")], as_json: AsJson = False
) -> None:
    """Copy a running service (SQLite and files) into one file; exit status 1 if files are missing."""
    from app.ops.backup import BackupFailed, backup

    try:
        missing = backup(checked_settings(), file)
    except BackupFailed as error:
        exit_with(REFUSED, str(error))
    size = file.stat().st_size
    if as_json:
        say_json({"file": str(file), "bytes": size, "missing": missing})
    else:
        say(f"{file}: {size / 1e6:.1f} MB; restore it with antigrad restore")
    for name in missing:
        say(f"missing: the database refers to {name}, which does not exist", err=True)
    raise typer.Exit(bool(missing))


@admin.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file that antigrad backup wrote")], as_json: AsJson = False
) -> None:
    """Fill an empty ANTIGRAD_HOME from a backup."""
    from app.ops.backup import BackupFailed, restore

    settings = checked_settings()
    try:
        restore(settings, file)
    except BackupFailed as error:
        exit_with(REFUSED, str(error))
    home = str(settings.home)
    say_json({"home": home}) if as_json else say(f"restored to {home}; start it with antigrad serve")
