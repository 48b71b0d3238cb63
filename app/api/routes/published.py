"""The catalogue of public datasets, and the import of one by its name."""

from typing import Annotated

from fastapi import Path, Response

from app.access import NO_OWNER
from app.api.addresses import address
from app.api.deps import DatabaseDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.datasets import DatasetAnswer, dataset_answer
from app.api.schemas.published import PublishedAnswer, PublishedList
from app.api.scopes import READ, TRAIN
from app.datasets.catalogue.published import CATALOGUE
from app.errors import Conflict, Invalid, NotFound
from app.storage import datasets
from app.storage.ids import new_id
from app.suggestions import closest

router = Router(prefix="/datasets/catalogue", tags=["datasets"], responses=problems(Invalid))

PublishedName = Annotated[str, Path(description="the name of an entry of the catalogue", examples=["mnist"])]


@router.get("", summary="List public datasets that can be imported by name", dependencies=[READ])
def list_published_datasets() -> PublishedList:
    """With source, licence and files of each."""
    return PublishedList(items=[PublishedAnswer.model_validate(published) for published in CATALOGUE.values()])


@router.post(
    "/{name}",
    summary="Import a public dataset",
    status_code=202,
    responses=problems(NotFound, Conflict)
    | {200: {"model": DatasetAnswer, "description": "Already imported, or being imported"}},
    dependencies=[TRAIN],
)
def import_published_dataset(name: PublishedName, database: DatabaseDep, response: Response) -> DatasetAnswer:
    """A worker downloads the files, resumes broken downloads and verifies them. `status` becomes `ready` at the end.
    The dataset is common: every key may use it, and only an admin deletes it."""
    if name not in CATALOGUE:
        raise NotFound("not_in_catalogue", name=name, near=closest(name, CATALOGUE))
    with database.write() as db:
        datasets.advisory_lock(db, f"name {NO_OWNER} {name}")
        dataset = datasets.of_catalogue(db, name)
        if dataset is None:
            dataset = datasets.create(db, new_id("ds"), name, {"roles": [], "catalogue": name}, owner=NO_OWNER)
        else:
            response.status_code = 200
        response.headers["Location"] = address(f"/datasets/{dataset.id}")
        response.headers["Retry-After"] = "1"
        return dataset_answer(dataset)
