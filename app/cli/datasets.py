"""`antigrad datasets`: upload files or a folder, which is packed during the upload, and show the import's progress."""

import json
import re
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.http import (
    FAILED,
    INTERRUPTED,
    REFUSED,
    AsJson,
    Cursor,
    ask,
    ask_page,
    exit_refused,
    exit_unreachable,
    exit_with,
    fix_of,
    json_of,
    say_next,
    sentence,
    service,
)
from app.cli.output import print_table, say
from app.cli.progress import NOBODY_WORKS, nobody_works, to_people
from app.datasets.formats.ignored_files import JUNK
from app.datasets.names import printable

datasets = typer.Typer(no_args_is_help=True, help="List datasets, and add your own files or a public dataset.")
PIECE_BYTES = 2**20
BAR = BarColumn(bar_width=20), TextColumn("{task.fields[news]}"), TimeRemainingColumn(compact=True)
Sent = Callable[[int], None]


@datasets.command("list")
def list_datasets(
    owner: Annotated[str | None, typer.Option(help="for admins: only datasets of this owner")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, the newest first")] = 200,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List datasets, and public datasets that you can add by name."""
    stored, published = ask_page("/datasets", limit, cursor, owner=owner), ask("GET", "/datasets/catalogue")
    if as_json:
        say(json.dumps(stored))
        return
    rows = []
    for item in stored["items"]:
        examples = "" if item["examples"] is None else f"{item['examples']:,}"
        rows.append((item["name"], str(item["version"]), item["status"], examples, item["task"], item["id"]))
    print_table(("dataset", "version", "status", "examples", "task", "id"), rows)
    say_next(stored)
    names = ", ".join(item["name"] for item in published["items"])
    say(f"\npublic datasets to download with antigrad datasets add NAME: {names}")


@datasets.command()
def add(
    name: Annotated[str, typer.Argument(help="a name for the dataset, or the name of a public one")],
    paths: Annotated[
        list[Path] | None, typer.Argument(exists=True, help="a folder, an archive, a table, or IDX files")
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="tables: the column to predict: its name, first, last or its place")
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(help="encoding of a text table or of names in an archive, such as cp1251; detected by default"),
    ] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression; detected by default")] = None,
    column: Annotated[
        list[str] | None, typer.Option("--type", help="tables: a column's type, such as zip_code:category")
    ] = None,
    shape: Annotated[str | None, typer.Option(help="pictures: channels,height,width, such as 3,32,32")] = None,
    resize: Annotated[str | None, typer.Option(help="pictures of another size: fit, fill or stretch")] = None,
    background: Annotated[
        str | None, typer.Option(help="colour behind transparency and in margins: white or black")
    ] = None,
    crop: Annotated[str | None, typer.Option(help="photos of drawings: ink cuts to what stands out")] = None,
    depth: Annotated[int | None, typer.Option(help="16-bit pictures: the bits that they use, such as 12")] = None,
    classes_from: Annotated[
        int | None, typer.Option(help="level of the folders that are classes: 1 is the outermost, -1 the innermost")
    ] = None,
    header: Annotated[str | None, typer.Option(help="text tables: auto, yes or no")] = None,
    skip: Annotated[int | None, typer.Option(help="text tables: lines above the table")] = None,
    classes: Annotated[str | None, typer.Option(help="names of numbered labels, such as A,B,C")] = None,
    wait: Annotated[bool, typer.Option(help="show the import until it ends")] = True,
    as_json: AsJson = False,
) -> None:
    """Upload a dataset, or add a public one, and show its import."""
    options = {"target": target, "encoding": encoding, "task": task, "types": column or None, "shape": shape,
            "resize": resize, "background": background, "classes": classes, "crop": crop, "depth": depth,
            "classes_from": classes_from, "header": header, "skip": skip}  # fmt: skip
    query = {"name": name} | {key: value for key, value in options.items() if value is not None}
    published = {item["name"]: item for item in ask("GET", "/datasets/catalogue")["items"]}
    if not paths:
        if name not in published:
            names = ", ".join(published)
            exit_with(
                REFUSED,
                f"{name} is not a public dataset; those are {names}",
                f"to upload your own: antigrad datasets add {name} FOLDER",
            )
        dataset = ask("POST", f"/datasets/catalogue/{name}")
    else:
        roles = {file["name"]: file["role"] for file in published[name]["files"]} if name in published else {}
        if roles.keys() == {path.name for path in paths}:
            query["catalogue"] = name
        dataset = _upload(paths, roles, query, quiet=as_json)
    if wait:
        _follow(dataset["id"], as_json)
    say(json.dumps(dataset) if as_json else dataset["id"])


def _upload(paths: list[Path], roles: dict[str, str], query: dict[str, Any], quiet: bool) -> Any:
    """Upload the files under `paths`; returns the service's answer."""
    with Progress(*BAR, console=to_people, disable=quiet) as progress:
        files: list[Path] = []
        links: list[Path] = []
        junk: list[Path] = []
        for path in paths:
            inside, left_out, ignored = _contents(path) if path.is_dir() else ([path], [], [])
            files += inside
            links += left_out
            junk += ignored
        if junk:
            to_people.print(f"ignored: {len(junk)} hidden files and files of operating systems, such as {junk[0]}")
        if links:
            example = printable(str(links[0]))
            advice = "cp -rL copies a folder and resolves its links"
            progress.console.print(f"left out: {len(links)} links, such as {example}; {advice}", markup=False)
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
            exit_unreachable(error)
    if answer.is_error:
        exit_refused(answer)
    return json_of(answer)


def _pieces(path: Path, sent: Sent) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
            sent(len(piece))


def _contents(folder: Path) -> tuple[list[Path], list[Path], list[Path]]:
    """The files of a folder, in the same order on every machine; its symbolic links; its hidden and system files.

    Links are not followed, because they may lead to private files."""
    paths = sorted(folder.rglob("*"))
    links = [path for path in paths if path.is_symlink()]
    files: list[Path] = []
    junk: list[Path] = []
    for path in paths:
        if path.is_file() and not path.is_symlink():
            (junk if JUNK.search(path.relative_to(folder).as_posix()) else files).append(path)
    return files, links, junk


class _Packing:
    """A writable buffer whose bytes can be taken out."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    def write(self, data: bytes) -> int:
        self.bytes += data
        return len(data)

    def take(self) -> bytes:
        taken, self.bytes = bytes(self.bytes), bytearray()
        return taken


def _packed(folder: Path, sent: Sent) -> Iterator[bytes]:
    """The folder as a .tar, packed while it is sent."""
    packing = _Packing()
    with tarfile.open(fileobj=packing, mode="w|", format=tarfile.PAX_FORMAT, dereference=True) as archive:  # type: ignore[call-overload]
        files, _, _ = _contents(folder)
        for path in files:
            archive.add(path, path.relative_to(folder).as_posix())
            if len(packing.bytes) >= PIECE_BYTES:
                yield packing.take()
            sent(path.stat().st_size)
    yield packing.take()


def _role(path: Path) -> str:
    """The role of an IDX file, from a name like those of MNIST."""
    kind = next((kind for kind in ("images", "labels") if kind in path.name), None)
    if kind is None:
        exit_with(REFUSED, f"{path.name}: several files have to be IDX files with 'images' or 'labels' in their names")
    return f"test_{kind}" if re.search("t10k|test", path.name) else str(kind)


def _follow(id: str, as_json: bool) -> None:
    """Show an import until it ends, and exit with the matching status."""
    try:
        with Progress(*BAR, console=to_people, disable=as_json) as progress:
            bar = progress.add_task("", total=1.0, news="importing")
            if nobody_works():
                progress.console.print(NOBODY_WORKS, soft_wrap=True)
            while (dataset := ask("GET", f"/datasets/{id}"))["status"] == "importing":
                examples = dataset["progress"].get("examples", 0)
                news = f"importing {examples:,}" if examples else "importing"
                progress.update(bar, completed=dataset["progress"].get("fraction", 0.0), news=news)
                time.sleep(0.2)
    except KeyboardInterrupt:
        exit_with(
            INTERRUPTED,
            f"the import continues; show it with antigrad datasets list, cancel it with antigrad datasets cancel {id}",
        )
    if as_json:
        say(json.dumps(dataset))
    elif dataset["status"] == "ready":
        print_imported(dataset)
    else:
        reason = sentence(dataset.get("failure"), dataset["error"] or "")
        say(f"{dataset['name']} {dataset['status']}: {reason}", err=True)
    raise typer.Exit(0 if dataset["status"] == "ready" else FAILED)


def print_imported(dataset: dict[str, Any]) -> None:
    """Print the imported dataset, the skipped files and the report."""
    classes = f", {len(dataset['classes'])} classes" if dataset["classes"] else ""
    say(f"{dataset['name']} version {dataset['version']}: {dataset['examples']:,} examples{classes}")
    for item in dataset["skipped"][:10]:
        say(f"  skipped {item['file']}: {item['reason']}")
    if len(dataset["skipped"]) > 10:
        say(f"  and more: antigrad datasets show {dataset['id']} --json lists them")
    for remark in dataset["report"]:
        say(f"  {remark['severity']}: {sentence(remark, remark['detail'])}")
        say(f"    {fix_of(remark)}")
