"""The catalogue of public datasets: what there is, and the import of one by its name."""

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import DatabaseDep
from app.api.problems import problems
from app.api.schemas.answers import DatasetAnswer, dataset_answer
from app.datasets.catalogue.published import CATALOGUE
from app.errors import Conflict, Invalid, NotFound
from app.storage import datasets
from app.storage.ids import new_id
from app.suggestions import nearest

router = APIRouter(prefix="/datasets/catalogue", tags=["datasets"], responses=problems(Invalid))


class PublishedFile(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    role: str = Field(description="of an upload's part", examples=["images"])
    name: str = Field(examples=["train-images-idx3-ubyte.gz"])
    url: str
    bytes: int | None
    sha256: str | None = Field(description="where its source is known; else what comes is shown as unverified")


class PublishedAnswer(BaseModel):
    """A public dataset. POST to its address imports it."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["mnist"])
    description: str
    source: str = Field(description="where it is described")
    licence: str | None = Field(description="as far as it is stated", examples=["MIT"])
    files: list[PublishedFile]
    by_hand: str = Field(description="what to do where no address can be reached")


class PublishedList(BaseModel):
    items: list[PublishedAnswer]


@router.get("", summary="Public datasets that can be imported by name")
def list_published() -> PublishedList:
    return PublishedList(items=[PublishedAnswer.model_validate(published) for published in CATALOGUE.values()])


@router.post(
    "/{name}",
    summary="Import a public dataset",
    status_code=202,
    responses=problems(NotFound, Conflict)
    | {200: {"model": DatasetAnswer, "description": "It is there already, or being imported"}},
)
def import_published(name: str, database: DatabaseDep, response: Response) -> DatasetAnswer:
    """A worker downloads it, goes on where a download broke off, and checks it; `status` says when it is `ready`."""
    if name not in CATALOGUE:
        raise NotFound(
            f"nothing in the catalogue is called {name!r}{nearest(name, CATALOGUE)}; GET /datasets/catalogue lists it"
        )
    with database.write() as db:
        datasets.advisory_lock(db, f"name {name}")
        found = datasets.importing(db, name) or datasets.newest(db, name)
        if found is None or found.status not in ("ready", "importing") or found.source.get("catalogue") != name:
            found = datasets.create(db, new_id("ds"), name, {"roles": [], "catalogue": name})
        else:
            response.status_code = 200
        response.headers["Location"] = f"/datasets/{found.id}"
        response.headers["Retry-After"] = "1"
        return dataset_answer(found)
