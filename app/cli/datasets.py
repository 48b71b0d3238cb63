"""`antigrad datasets`: what lies on a disk is sent, packed on the way if it is a folder, and its import watched."""

import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from app.cli.http import (
    FAILED,
    INTERRUPTED,
    REFUSED,
    ask,
    content,
    leave,
    refused,
    service,
    spoken,
    unreachable,
)
from app.cli.progress import to_people
from app.cli.runs import AsJson
from app.datasets.formats.ignored_files import JUNK

datasets = typer.Typer(no_args_is_help=True, help="Datasets: add what lies on your disk, or a public one by its name.")
PIECE_BYTES = 2**20
BAR = BarColumn(bar_width=20), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)
Sent = Callable[[int], None]


@datasets.command("list")
def list_datasets(as_json: AsJson = False) -> None:
    """List datasets, and the public ones that can be added."""
    there, published = ask("GET", "/datasets", params={"limit": 200}), ask("GET", "/datasets/catalogue")
    if as_json:
        typer.echo(json.dumps(there))
        return
    table = Table("dataset", "version", "status", "examples", "task", "id", box=None, pad_edge=False)
    for item in there["items"]:
        examples = "" if item["examples"] is None else f"{item['examples']:,}"
        table.add_row(item["name"], str(item["version"]), item["status"], examples, item["task"], item["id"])
    Console(width=10_000, markup=False, emoji=False, highlight=False).print(table)
    names = ", ".join(item["name"] for item in published["items"])
    typer.echo(f"\nTo be had by antigrad datasets add NAME: {names}")


@datasets.command()
def add(
    name: Annotated[str, typer.Argument(help="what it shall be called, or the name of a public one")],
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="a folder, an archive, a table, or the files of IDX")
    ] = None,
    target: Annotated[str | None, typer.Option(help="of a table, the column to be predicted")] = None,
    encoding: Annotated[str | None, typer.Option(help="of a table as text, such as cp1251; found unless given")] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression")] = None,
    column: Annotated[list[str] | None, typer.Option("--type", help="such as zip_code:category")] = None,
    shape: Annotated[str | None, typer.Option(help="of pictures: channels,height,width, such as 3,32,32")] = None,
    resize: Annotated[str | None, typer.Option(help="fit, fill or stretch")] = None,
    background: Annotated[str | None, typer.Option(help="white or black")] = None,
    classes: Annotated[str | None, typer.Option(help="names for numbered labels: A,B,C")] = None,
    wait: Annotated[bool, typer.Option(help="show the import until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Add a dataset: send it, and watch its import."""
    told = {"target": target, "encoding": encoding, "task": task, "types": column or None, "shape": shape,
            "resize": resize, "background": background, "classes": classes}  # fmt: skip
    query = {"name": name} | {key: value for key, value in told.items() if value is not None}
    published = {item["name"]: item for item in ask("GET", "/datasets/catalogue")["items"]}
    if not paths:
        if name not in published:
            there = ", ".join(published)
            leave(REFUSED, f"say what {name} is: antigrad datasets add {name} FOLDER; public ones are {there}")
        made = ask("POST", f"/datasets/catalogue/{name}")
    else:
        roles = {file["name"]: file["role"] for file in published[name]["files"]} if name in published else {}
        if roles.keys() == {path.name for path in paths}:
            query["catalogue"] = name
        made = _sent(paths, roles, query, quiet=as_json)
    if wait:
        _follow(made["id"], as_json)
    typer.echo(json.dumps(made) if as_json else made["id"])


def _sent(paths: list[Path], roles: dict[str, str], query: dict[str, Any], quiet: bool) -> Any:
    """Send what lies there; the answer."""
    with Progress(*BAR, console=to_people, disable=quiet) as progress:
        files: list[Path] = []
        links: list[Path] = []
        for path in paths:
            within, left_out = _within(path) if path.is_dir() else ([path], [])
            files += within
            links += left_out
        if links:
            to_people.print(f"left out: {len(links)} links, such as {links[0]}; cp -rL makes a folder without links")
        size = sum(file.stat().st_size for file in files)
        bar = progress.add_task("", total=size, news=f"sending {size / 1e6:,.1f} MB")
        try:
            with service() as client:
                if len(paths) == 1:
                    read = _packed if paths[0].is_dir() else _pieces
                    pieces = read(paths[0], lambda sent: progress.advance(bar, sent))
                    answer = client.post("/datasets", params=query, content=pieces, timeout=600)
                else:
                    parts = {roles.get(path.name) or _role(path): (path.name, path.open("rb")) for path in paths}
                    answer = client.post("/datasets", params=query, files=parts, timeout=600)
        except httpx.RequestError as error:
            unreachable(error)
    if answer.is_error:
        refused(answer)
    return content(answer)


def _pieces(path: Path, sent: Sent) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
            sent(len(piece))


def _within(folder: Path) -> tuple[list[Path], list[Path]]:
    """Its files, in one order on every machine, without those that systems leave behind; and its links, which may lead
    anywhere, also to what nobody means to send."""
    found = sorted(folder.rglob("*"))
    links = [path for path in found if path.is_symlink()]
    files = (path for path in found if path.is_file() and not path.is_symlink())
    return [path for path in files if not JUNK.search(path.relative_to(folder).as_posix())], links


class _Packing:
    """A file to write to whose bytes are taken out as they come."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def write(self, data: bytes) -> int:
        self.bytes += data
        return len(data)

    def take(self) -> bytes:
        taken, self.bytes = bytes(self.bytes), bytearray()
        return taken


def _packed(folder: Path, sent: Sent) -> Iterator[bytes]:
    """The folder as a .tar, made as it is sent."""
    packing = _Packing()
    with tarfile.open(fileobj=packing, mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as archive:  # type: ignore[call-overload]
        files, _ = _within(folder)
        for path in files:
            archive.add(path, path.relative_to(folder).as_posix())
            if len(packing.bytes) >= PIECE_BYTES:
                yield packing.take()
            sent(path.stat().st_size)
    yield packing.take()


def _role(path: Path) -> str:
    """Of an IDX file, as MNIST's are called."""
    kind = next((kind for kind in ("images", "labels") if kind in path.name), None)
    if kind is None:
        leave(REFUSED, f"{path.name} is neither images nor labels by its name; several files are IDX pairs")
    return f"test_{kind}" if re.search("t10k|test", path.name) else str(kind)


def _follow(id: str, as_json: bool) -> None:
    """Show an import until it has ended; the exit status says how."""
    try:
        with Progress(*BAR, console=to_people, disable=as_json) as progress:
            bar = progress.add_task("", total=1.0, news="importing")
            while (found := ask("GET", f"/datasets/{id}"))["status"] == "importing":
                so_far = found["progress"].get("examples", 0)
                news = f"importing {so_far:,}" if so_far else "importing"
                progress.update(bar, completed=found["progress"].get("fraction", 0.0), news=news)
                time.sleep(0.2)
    except KeyboardInterrupt:
        leave(INTERRUPTED, f"the import goes on; antigrad datasets list shows it, POST /datasets/{id}/cancel ends it")
    if as_json:
        typer.echo(json.dumps(found))
    elif found["status"] == "ready":
        classes = f", {len(found['classes'])} classes" if found["classes"] else ""
        typer.echo(f"{found['name']} version {found['version']}: {found['examples']:,} examples{classes}")
        for item in found["skipped"][:10]:
            typer.echo(f"  skipped {item['file']}: {spoken(item['reason'])}")
        if len(found["skipped"]) > 10:
            typer.echo(f"  and more: GET /datasets/{id} lists them")
        for warning in found["warnings"]:
            typer.echo(f"  {spoken(warning)}")
    else:
        typer.echo(f"{found['name']} {found['status']}: {spoken(found['error'] or '')}", err=True)
    raise typer.Exit(0 if found["status"] == "ready" else FAILED)
