"""The catalogue of public datasets, and the import of one by its name."""

from fastapi import APIRouter, Response

from app.api.deps import DatabaseDep
from app.api.problems import problems
from app.api.schemas.datasets import DatasetAnswer, dataset_answer
from app.api.schemas.published import PublishedAnswer, PublishedList
from app.constants import DatasetStatus
from app.datasets.catalogue.published import CATALOGUE
from app.errors import Conflict, Invalid, NotFound
from app.storage import datasets
from app.storage.ids import new_id
from app.suggestions import closest

router = APIRouter(prefix="/datasets/catalogue", tags=["datasets"], responses=problems(Invalid))


@router.get("", summary="List public datasets that can be imported by name")
def list_published() -> PublishedList:
    return PublishedList(items=[PublishedAnswer.model_validate(published) for published in CATALOGUE.values()])


@router.post(
    "/{name}",
    summary="Import a public dataset",
    status_code=202,
    responses=problems(NotFound, Conflict)
    | {200: {"model": DatasetAnswer, "description": "Already imported, or being imported"}},
)
def import_published(name: str, database: DatabaseDep, response: Response) -> DatasetAnswer:
    """A worker downloads the files, resumes broken downloads and verifies them. `status` becomes `ready` at the end."""
    if name not in CATALOGUE:
        raise NotFound("not_in_catalogue", name=name, near=closest(name, CATALOGUE))
    with database.write() as db:
        datasets.advisory_lock(db, f"name {name}")
        dataset = datasets.importing(db, name) or datasets.newest(db, name)
        if (
            dataset is None
            or dataset.status not in (DatasetStatus.READY, DatasetStatus.IMPORTING)
            or dataset.source.get("catalogue") != name
        ):
            dataset = datasets.create(db, new_id("ds"), name, {"roles": [], "catalogue": name})
        else:
            response.status_code = 200
        response.headers["Location"] = f"/datasets/{dataset.id}"
        response.headers["Retry-After"] = "1"
        return dataset_answer(dataset)
