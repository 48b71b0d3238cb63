"""Datasets: what there is, and a look at it."""

from collections.abc import Callable, Iterator
from typing import IO, Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from app.api.deps import Cursor, DatabaseDep, FilesDep, Limit
from app.api.problems import binary, problems
from app.api.schemas.datasets import DatasetAnswer, DatasetPage, Sample, SampleList, dataset_answer, dataset_item
from app.datasets.arrays import Arrays
from app.datasets.splits import Indices, Split, SplitSpec, stored_split
from app.errors import Conflict, Invalid, NotFound
from app.plots.previews import image_png, preview_png
from app.runs.requests import SplitRequest
from app.runs.resolution import folder_of, resolved_split
from app.storage import datasets, runs
from app.storage.queue import imports
from app.storage.tables import Dataset

router = APIRouter(prefix="/datasets", tags=["datasets"], responses=problems(Invalid))
OF_EXAMPLES = problems(NotFound, Conflict)  # Conflict while it is not ready
Part = Literal["train", "validation", "test"]


def find_dataset(id: str, database: DatabaseDep) -> Dataset:
    with database.read() as db:
        return datasets.get(db, id)


DatasetDep = Annotated[Dataset, Depends(find_dataset, scope="function")]


def find_arrays(dataset: DatasetDep, files: FilesDep) -> Arrays:
    if dataset.folder is None:
        why = f": {dataset.error}" if dataset.error else "; its examples can be read when it is ready"
        raise Conflict(f"the dataset {dataset.name!r} is {dataset.status}{why}")
    try:
        return Arrays.load(files, dataset.folder)
    except FileNotFoundError as error:
        raise NotFound(f"the dataset {dataset.name!r} has just been deleted") from error


ArraysDep = Annotated[Arrays, Depends(find_arrays, scope="function")]


def find_split(
    dataset: DatasetDep,
    arrays: ArraysDep,
    files: FilesDep,
    database: DatabaseDep,
    run: Annotated[str | None, Query(max_length=100, description="take this run's split, else the default one")] = None,
) -> Callable[[], Split]:
    """Asked for by who needs it: a dataset that cannot be split can be looked at all the same."""
    if run is None:
        wanted = resolved_split(SplitRequest(), dataset)
    else:
        with database.read() as db:
            found = runs.get(db, run)
        if found.dataset != dataset.id:
            raise Invalid(f"the run {run} learns from {found.dataset!r}, not from {dataset.id!r}")
        wanted = SplitSpec.of(found.request["split"])
    return lambda: stored_split(files, folder_of(dataset), arrays, wanted, keep=False)


SplitDep = Annotated[Callable[[], Split], Depends(find_split, scope="function")]
Which = Annotated[Literal["all", Part], Query(description="of a run's split with run=, else the default's")]


def indices_of(arrays: Arrays, split: Callable[[], Split], part: str) -> Indices:
    """The examples of a part, or all."""
    if part == "all":
        return np.arange(len(arrays.targets))
    found: Indices = getattr(split(), part)
    return found


def find_picture(arrays: ArraysDep, index: int) -> np.ndarray:
    pictures = pictures_of(arrays)
    if not 0 <= index < len(pictures):
        raise NotFound(f"there are {len(pictures)} pictures; index goes from 0 to {len(pictures) - 1}")
    picture: np.ndarray = pictures[index]
    return picture


PictureDep = Annotated[np.ndarray, Depends(find_picture, scope="function")]


@router.get("", summary="List datasets")
def list_datasets(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> DatasetPage:
    """Each without what is long: `GET /datasets/{id}` has its classes, columns, and which files were skipped."""
    with database.read() as db:
        found = datasets.page(db, limit + 1, cursor)
        more = found[limit - 1].id if len(found) > limit else None
        return DatasetPage(items=[dataset_item(item) for item in found[:limit]], next=more)


@router.get("/{id}", summary="One dataset", responses=problems(NotFound))
def get(dataset: DatasetDep) -> DatasetAnswer:
    return dataset_answer(dataset)


@router.get("/{id}/samples", summary="Indices and labels of examples of a part", responses=OF_EXAMPLES)
def samples(
    arrays: ArraysDep,
    split: SplitDep,
    part: Part = "test",
    label: Annotated[str | None, Query(max_length=200)] = None,
    limit: Limit = 50,
) -> SampleList:
    if label is not None and label not in arrays.classes:
        raise Invalid(f"no class is called {label!r}; there are {', '.join(arrays.classes) or 'none: this is a table'}")
    indices = indices_of(arrays, split, part)
    if label is not None:
        indices = indices[arrays.targets[indices] == arrays.classes.index(label)]
    chosen = indices[:limit]
    return SampleList(
        items=[
            Sample(index=index, label=arrays.classes[target] if arrays.classes else target, part=part)
            for index, target in zip(chosen.tolist(), arrays.targets[chosen].tolist(), strict=True)
        ]
    )


@router.get("/{id}/images/{index}.png", summary="One picture", response_class=Response,
            responses=OF_EXAMPLES | binary("image/png"))  # fmt: skip
def image(picture: PictureDep) -> Response:
    return Response(image_png(picture), media_type="image/png")


@router.get("/{id}/preview.png", summary="A labelled grid", response_class=Response,
            responses=OF_EXAMPLES | binary("image/png"))  # fmt: skip
def preview(
    arrays: ArraysDep,
    split: SplitDep,
    rows: Annotated[int, Query(ge=1, le=20)] = 4,
    columns: Annotated[int, Query(ge=1, le=20)] = 4,
    seed: Annotated[int, Query(ge=0, lt=2**63)] = 0,
    part: Which = "train",
) -> Response:
    pictures = pictures_of(arrays)
    indices = indices_of(arrays, split, part)
    shown = np.random.default_rng(seed).permutation(indices)[: rows * columns]
    labels = [f"{arrays.classes[target]} ({target})" for target in arrays.targets[shown].tolist()]
    return Response(preview_png(pictures[shown], labels, rows, columns), media_type="image/png")


@router.get("/{id}/export.npz", summary="Inputs, targets and names", response_class=StreamingResponse,
            responses=OF_EXAMPLES | binary("application/octet-stream"))  # fmt: skip
def export(dataset: DatasetDep, arrays: ArraysDep, files: FilesDep) -> StreamingResponse:
    file = files.temporary()
    arrays.export(file)
    headers = {
        "Content-Length": str(file.tell()),
        "Content-Disposition": f'attachment; filename="{dataset.name}.npz"',
    }
    file.seek(0)
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)


@router.delete("/{id}", summary="Delete an uploaded dataset with its files", status_code=204,
               responses=problems(NotFound, Conflict))  # fmt: skip
def delete(id: str, database: DatabaseDep, files: FilesDep) -> None:
    """Refused while a run uses it. One that is being imported may be deleted, too. A name means its newest version
    that is ready."""
    with database.write() as db:
        for folder in datasets.delete(db, id):
            files.delete_folder(folder)  # before the commit: when it fails, the row still knows of them


@router.post("/{id}/cancel", summary="End an import", responses=problems(NotFound, Conflict))
def cancel(id: str, database: DatabaseDep, files: FilesDep) -> DatasetAnswer:
    """A name means its version that is being imported. Its worker leaves within some seconds; cancelling once more
    changes nothing."""
    with database.write() as db:
        found = datasets.importing(db, id) or datasets.get(db, id)
        waited = found.worker is None
        imports.cancel(db, found.id)
        db.refresh(found)
    if found.status != "cancelled":
        raise Conflict(f"the dataset {found.name!r} is {found.status} already")
    if waited:  # else its worker does
        files.delete_folder(f"{datasets.FOLDER}/{found.id}")
    return dataset_answer(found)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(2**20):
            yield piece


def pictures_of(arrays: Arrays) -> np.ndarray:
    if len(arrays.shape) != 3:
        raise NotFound("this dataset is a table; it has no pictures")
    return arrays.inputs
