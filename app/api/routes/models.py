"""Names for trained runs: point a name at runs, roll back, and predict by name."""

from typing import Annotated

from fastapi import Header, Query, Response

from app.api.caching import etag_of, knows
from app.api.deps import DatabaseDep, ModelName, OwnerFilter
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.models import ModelAnswer, ModelList, PointRequest, model_answer
from app.api.schemas.shadow import ShadowReport, shadow_report
from app.api.scopes import READ, TRAIN
from app.constants import RUN_PREFIX
from app.errors import Conflict, Invalid, Malformed, NotFound, Stale
from app.storage import models, shadows
from app.storage.tables import ModelVersion

router = Router(prefix="/models", tags=["models"], responses=problems(Invalid))

ModelOwner = Annotated[
    str | None,
    Query(
        max_length=100,
        description="the owner whose model is meant, for an admin. By default it is one's own, or else a common one",
        examples=["s1"],
    ),
]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", max_length=1000, description="the ETag of an answer: 412 if the model has changed since"),
]


@router.put(
    "/{name}",
    summary="Point a name at a run",
    responses=problems(NotFound, Conflict, Malformed, Stale),
    dependencies=[TRAIN],
)
def point_model(
    name: ModelName,
    body: PointRequest,
    database: DatabaseDep,
    response: Response,
    owner: ModelOwner = None,
    if_match: IfMatch = None,
) -> ModelAnswer:
    """From now on `/predict?model=<name>` uses this run, or several runs with a share of the requests each. `/predict`
    alone uses the model `default`, if any. Without `If-Match`, the last of several changes counts. No name begins with
    `run_`, like the id of a run."""
    if name.startswith(RUN_PREFIX):
        raise Invalid("model_named_like_run", "name", given=name, prefix=RUN_PREFIX)
    with database.write() as db:
        if if_match is not None:
            _refuse_stale(models.own(db, name, owner), if_match)
        return _answer(models.point(db, name, body.target, owner, force=body.force), response)


@router.post(
    "/{name}/rollback",
    summary="Go back to an earlier version",
    responses=problems(NotFound, Conflict, Stale),
    dependencies=[TRAIN],
)
def roll_back_model(
    name: ModelName,
    database: DatabaseDep,
    response: Response,
    version: Annotated[
        int | None, Query(ge=1, le=10**9, description="a version of the history; by default the one before the newest")
    ] = None,
    owner: ModelOwner = None,
    if_match: IfMatch = None,
) -> ModelAnswer:
    """The name points at the runs of that version again, as a new version. Twice in a row, the second undoes the
    first."""
    with database.write() as db:
        if if_match is not None:
            _refuse_stale(models.own(db, name, owner), if_match)
        return _answer(models.roll_back(db, name, version, owner), response)


@router.get("", summary="List names", dependencies=[READ])
def list_models(database: DatabaseDep, owner: OwnerFilter = None) -> ModelList:
    """Each with the runs that it points at now, and its history."""
    with database.read() as db:
        named = [(version.model, version.owner) for version in models.current(db, owner)]
        return ModelList(items=[model_answer(models.history(db, *name)) for name in named])


@router.get(
    "/{name}",
    summary="Get the runs that a name points at, with its history",
    responses=problems(NotFound),
    dependencies=[READ],
)
def get_model(name: ModelName, database: DatabaseDep, response: Response, owner: ModelOwner = None) -> ModelAnswer:
    """Its `ETag` is for `If-Match`."""
    with database.read() as db:
        return _answer(models.history(db, name, owner), response)


@router.get(
    "/{name}/shadow",
    summary="Compare a model with the run in its shadow",
    responses=problems(NotFound),
    dependencies=[READ],
)
def get_shadow(name: ModelName, database: DatabaseDep, owner: ModelOwner = None) -> ShadowReport:
    """Agreement, the newest inputs on which both disagree, and the time that both take. Counted since the newest
    version of the name; it is a few seconds behind."""
    with database.read() as db:
        version = models.history(db, name, owner)[0]
        if version.shadow is None:
            raise NotFound("no_shadow", model=name)
        return shadow_report(version, version.shadow, shadows.tally_of(db, version), shadows.differences(db, version))


@router.delete(
    "/{name}",
    summary="Delete a name; its runs stay",
    status_code=204,
    responses=problems(NotFound),
    dependencies=[TRAIN],
)
def delete_model(name: ModelName, database: DatabaseDep, owner: ModelOwner = None) -> None:
    """`/predict?model=<name>` then answers 404."""
    with database.write() as db:
        models.forget(db, name, owner)


def _answer(versions: list[ModelVersion], response: Response) -> ModelAnswer:
    response.headers["ETag"] = _etag(versions[0])
    return model_answer(versions)


def _etag(newest: ModelVersion) -> str:
    """The ETag of a model. A name that was deleted and made again has others."""
    return etag_of(f"{newest.owner} {newest.model} {newest.version} {newest.created_at}".encode())


def _refuse_stale(newest: ModelVersion, if_match: str) -> None:
    """Raise Stale if the model is not the one that the client has seen."""
    if if_match.strip() != "*" and not knows(if_match, _etag(newest)):
        raise Stale("model_changed", model=newest.model, version=newest.version)
