"""Datasets: list, inspect, export, cancel and delete."""

import os
from pathlib import PurePath
from typing import IO, Annotated

import numpy as np
from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.api.dataset_deps import (
    OF_EXAMPLES,
    ArraysDep,
    DatasetDep,
    DatasetId,
    Part,
    PictureDep,
    SplitDep,
    Which,
    indices_of,
    pictures_of,
)
from app.api.deps import SLOW, Cursor, DatabaseDep, ExportsDep, FilesDep, Limit, OwnerFilter
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.datasets import DatasetAnswer, DatasetPage, Sample, SampleList, dataset_answer, dataset_item
from app.api.scopes import READ, TRAIN
from app.constants import DatasetStatus
from app.errors import Conflict, Invalid, NotFound
from app.plots.previews import image_png, preview_png
from app.storage import datasets

router = Router(prefix="/datasets", tags=["datasets"], responses=problems(Invalid))


@router.get("", summary="List datasets", dependencies=[READ])
def list_datasets(
    database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None, owner: OwnerFilter = None
) -> DatasetPage:
    """Long fields are left out: `GET /datasets/{id}` has the classes, the columns and the skipped files."""
    with database.read() as db:
        page = datasets.page(db, limit, cursor, owner)
        return DatasetPage(items=[dataset_item(item) for item in page.items], next=page.next)


@router.get("/{id}", summary="Get one dataset", responses=problems(NotFound), dependencies=[READ])
def get_dataset(dataset: DatasetDep) -> DatasetAnswer:
    """All that the import found out. Poll it until `status` is no longer `importing`."""
    return dataset_answer(dataset)


@router.get("/{id}/samples", summary="List indices and labels of examples", responses=OF_EXAMPLES, dependencies=[READ])
def list_samples(
    arrays: ArraysDep,
    split: SplitDep,
    part: Annotated[Part, Query(description="the part of the split")] = "test",
    label: Annotated[str | None, Query(max_length=200, description="only examples of this class")] = None,
    limit: Limit = 50,
) -> SampleList:
    """The first examples of a part. `GET /datasets/{id}/images/{index}.png` shows one of them."""
    if label is not None and label not in arrays.classes:
        raise Invalid("no_such_class", "label", label=label, classes=arrays.classes)
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


@router.get("/{id}/images/{index}.png", summary="Get one picture", response_class=Response,
            responses=OF_EXAMPLES | binary("image/png"), dependencies=[READ])  # fmt: skip
def get_picture(picture: PictureDep) -> Response:
    """The picture as it was imported, before the preprocessing of a run."""
    return Response(image_png(picture), media_type="image/png")


@router.get("/{id}/preview.png", summary="Draw a grid of labelled pictures", response_class=Response,
            responses=OF_EXAMPLES | binary("image/png"), dependencies=[READ, SLOW])  # fmt: skip
def draw_preview(
    arrays: ArraysDep,
    split: SplitDep,
    rows: Annotated[int, Query(ge=1, le=20, description="number of rows of the grid")] = 4,
    columns: Annotated[int, Query(ge=1, le=20, description="number of columns of the grid")] = 4,
    seed: Annotated[int, Query(ge=0, lt=2**63, description="seed of the random choice")] = 0,
    part: Which = "train",
) -> Response:
    """Randomly chosen examples, each with its class."""
    pictures = pictures_of(arrays)
    indices = indices_of(arrays, split, part)
    shown = np.random.default_rng(seed).permutation(indices)[: rows * columns]
    labels = [f"{arrays.classes[target]} ({target})" for target in arrays.targets[shown].tolist()]
    return Response(preview_png(pictures[shown], labels, rows, columns), media_type="image/png")


@router.get("/{id}/export.npz", summary="Export inputs, targets and names", response_class=StreamingResponse,
            responses=OF_EXAMPLES | binary("application/octet-stream"), dependencies=[READ, SLOW])  # fmt: skip
def export_dataset(dataset: DatasetDep, arrays: ArraysDep, exports: ExportsDep) -> StreamingResponse:
    """An .npz file with `inputs`, `targets`, `classes` and the names of columns, for NumPy and for a run's script."""
    file = exports.open(dataset.about["checksum"], arrays)
    headers = {
        "Content-Length": str(os.fstat(file.fileno()).st_size),
        "Content-Disposition": f'attachment; filename="{dataset.name}.npz"',
    }
    return FileResponse(file, media_type="application/octet-stream", headers=headers)


@router.delete("/{id}", summary="Delete an uploaded dataset with its files", status_code=204,
               responses=problems(NotFound, Conflict), dependencies=[TRAIN])  # fmt: skip
def delete_dataset(id: DatasetId, database: DatabaseDep, files: FilesDep, exports: ExportsDep) -> None:
    """Refused while a run uses the dataset. You can delete a dataset during its import. A name means its newest ready
    version."""
    with database.write() as db:
        for folder in datasets.delete(db, id):
            files.delete_folder(folder)  # before the commit: if this fails, the row still names them
            exports.drop(PurePath(folder).name)


@router.post("/{id}/cancel", summary="Cancel an import", responses=problems(NotFound, Conflict), dependencies=[TRAIN])
def cancel_import(id: DatasetId, database: DatabaseDep, files: FilesDep) -> DatasetAnswer:
    """A name means the version that is being imported. The worker stops within a few seconds. Cancelling twice is
    harmless."""
    with database.write() as db:
        dataset = datasets.importing(db, id) or datasets.get(db, id)
        waited = dataset.worker is None
        datasets.cancel(db, dataset.id)
        db.refresh(dataset)
    if dataset.status != DatasetStatus.CANCELLED:
        raise Conflict("import_has_ended", dataset=dataset.name, status=dataset.status)
    if waited:  # otherwise its worker deletes the folder
        files.delete_folder(f"{datasets.FOLDER}/{dataset.id}")
    return dataset_answer(dataset)


class FileResponse(StreamingResponse):
    """The content of an open file, in pieces small enough for many slow readers at once."""

    def __init__(self, file: IO[bytes], media_type: str, headers: dict[str, str]) -> None:
        super().__init__(iter(lambda: file.read(2**16), b""), media_type=media_type, headers=headers)
        self.file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.file:  # also if the client leaves
            await super().__call__(scope, receive, send)
