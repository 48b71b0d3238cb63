"""Names for trained runs: point a name at a run, roll back, and predict by name."""

from fastapi import APIRouter

from app.api.deps import DatabaseDep
from app.api.problems import problems
from app.api.schemas.models import ModelAnswer, ModelList, PointRequest, model_answer
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.runs.request_model import Name
from app.storage import models

router = APIRouter(prefix="/models", tags=["models"], responses=problems(Invalid))


@router.put("/{name}", summary="Point a name at a run", responses=problems(NotFound, Conflict, Malformed))
def point(name: Name, body: PointRequest, database: DatabaseDep) -> ModelAnswer:
    """From now on `/predict?model=<name>` uses this run. `/predict` alone uses the model `default`, if any."""
    with database.write() as db:
        models.point(db, name, body.run)
        return model_answer(models.history(db, name))


@router.get("", summary="List names")
def list_models(database: DatabaseDep) -> ModelList:
    with database.read() as db:
        return ModelList(items=[model_answer(models.history(db, version.model)) for version in models.current(db)])


@router.get("/{name}", summary="Get the run that a name points at, with its history", responses=problems(NotFound))
def get(name: Name, database: DatabaseDep) -> ModelAnswer:
    with database.read() as db:
        return model_answer(models.history(db, name))


@router.delete("/{name}", summary="Delete a name; its runs stay", status_code=204, responses=problems(NotFound))
def delete(name: Name, database: DatabaseDep) -> None:
    with database.write() as db:
        models.forget(db, name)
