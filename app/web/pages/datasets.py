"""Datasets: what there is, the upload of another one, and each with its report, pictures and classes."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from app.api.dataset_deps import DatasetDep, find_arrays, find_split, indices_of
from app.api.deps import Cursor, DatabaseDep, FilesDep
from app.api.schemas.datasets import dataset_answer, dataset_item
from app.api.scopes import READ
from app.constants import DatasetStatus
from app.datasets.catalogue.published import CATALOGUE
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Dataset
from app.web.chart_view import CHART_VIEW
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

SHOWN = 50  # datasets of a page
PICTURES = 60  # of the sample


@router.get("/datasets", dependencies=[READ])
def show_datasets(request: Request, database: DatabaseDep, cursor: Cursor = None) -> HTMLResponse:
    """The datasets that the caller sees, and those that can be downloaded."""
    with database.read() as db:
        found = datasets.page(db, SHOWN, cursor)
    there = {dataset.name for dataset in found.items}
    return page(
        request,
        "datasets.html",
        items=[(dataset_item(item), item.created_at) for item in found.items],
        is_live=any(item.status == DatasetStatus.IMPORTING for item in found.items),
        published=[entry for entry in CATALOGUE.values() if entry.name not in there],
        next=found.next,
        call={"method": "GET", "path": "/datasets", "cli": "antigrad datasets list"},
    )


@router.get("/datasets/{id}", dependencies=[READ, CHART_VIEW])
def show_dataset(
    request: Request,
    dataset: DatasetDep,
    database: DatabaseDep,
    files: FilesDep,
    label: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """A dataset; while it is imported, with its progress. With a label, the pictures of one class."""
    answer = dataset_answer(dataset)
    has_pictures = answer.shape is not None and len(answer.shape) == 3
    chosen = label if label in {each.label for each in answer.classes} else None
    return page(
        request,
        "dataset.html",
        dataset=answer,
        created_at=dataset.created_at,
        is_built_in=not dataset.id.startswith(datasets.UPLOADED),
        is_live=answer.status == DatasetStatus.IMPORTING,
        most=max((each.count for each in answer.classes), default=0),
        label=chosen,
        samples=_samples(dataset, files, database, chosen) if has_pictures else [],
        call={"method": "GET", "path": f"/datasets/{dataset.id}", "cli": f"antigrad datasets show {dataset.id}"},
    )


def _samples(dataset: Dataset, files: Files, database: Database, label: str | None) -> list[dict[str, Any]]:
    """Pictures of the training part, as GET /datasets/{id}/samples lists them."""
    arrays = find_arrays(dataset, files)
    indices = indices_of(arrays, find_split(dataset, arrays, files, database), "train")
    if label is not None:
        indices = indices[arrays.targets[indices] == arrays.classes.index(label)]
    chosen = indices[:PICTURES]
    return [
        {"index": index, "label": arrays.classes[int(target)]}
        for index, target in zip(chosen.tolist(), arrays.targets[chosen].tolist(), strict=True)
    ]
