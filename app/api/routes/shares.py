"""Links that show a run, or the runs of a race or an experiment, without a key."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, Depends, Path, Request

from app.api.addresses import address
from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.experiments import ID, LINEAR_COLLAPSE
from app.api.schemas.shares import ShareAnswer, ShareList, ShareRequest
from app.api.schemas.times import rfc3339
from app.api.scopes import READ, TRAIN
from app.api.tokens import SHARED, Tokens
from app.errors import Invalid, Malformed, NotFound
from app.runs.experiments import experiment_named, runs_of_performance
from app.runs.races import runs_of_race
from app.storage import shares
from app.storage.database import Database
from app.storage.tables import Run, Share

router = Router(tags=["shares"], responses=problems(Invalid))

NOT_FOUND = problems(NotFound)
REFUSED = problems(NotFound, Malformed)
ShareBody = Annotated[ShareRequest, Body()]


async def tokens(request: Request) -> Tokens:
    tokens: Tokens = request.app.state.tokens
    return tokens


TokensDep = Annotated[Tokens, Depends(tokens)]


@router.post("/runs/{id}/share", summary="Make a link that shows a run", status_code=201, responses=REFUSED,
             dependencies=[TRAIN])  # fmt: skip
def share_run(run: RunDep, database: DatabaseDep, tokens: TokensDep, body: ShareBody = ShareRequest()) -> ShareAnswer:
    """The link shows the run to anyone who has it, with its curves, events, evaluation, diagnosis, script and weights,
    until it expires or is revoked."""
    return _shared(database, tokens, f"/runs/{run.id}", [run], body)


@router.post("/optimizers/race/{id}/share", summary="Make a link that shows a race", status_code=201, responses=REFUSED,
             dependencies=[TRAIN])  # fmt: skip
def share_race(
    id: Annotated[str, Path(description="a race's id", examples=["race_01k9zj4c2m8s0q1v5w7x3y6t4a"])],
    database: DatabaseDep,
    tokens: TokensDep,
    body: ShareBody = ShareRequest(),
) -> ShareAnswer:
    """The link shows all runs of the race to anyone who has it."""
    with database.read() as db:
        runs = runs_of_race(db, id)
    return _shared(database, tokens, f"/optimizers/race/{id}", runs, body)


@router.post("/experiments/{name}/{id}/share", summary="Make a link that shows a started experiment", status_code=201,
             responses=REFUSED, dependencies=[TRAIN])  # fmt: skip
def share_experiment(
    name: Annotated[str, Path(description="an experiment's name", examples=[LINEAR_COLLAPSE])],
    id: Annotated[str, Path(description="id of a started experiment", examples=[ID])],
    database: DatabaseDep,
    tokens: TokensDep,
    body: ShareBody = ShareRequest(),
) -> ShareAnswer:
    """The link shows all runs of the experiment to anyone who has it."""
    runs = runs_of_performance(database, experiment_named(name), id)
    return _shared(database, tokens, f"/experiments/{name}/{id}", runs, body)


@router.get("/shares", summary="List links that show a run", dependencies=[READ])
def list_shares(database: DatabaseDep, tokens: TokensDep) -> ShareList:
    """Links that have expired are left out."""
    with database.read() as db:
        return ShareList(items=[_answer(share, tokens) for share in shares.unexpired(db)])


@router.delete("/shares/{id}", summary="Revoke a link", status_code=204, responses=NOT_FOUND, dependencies=[TRAIN])
def delete_share(
    id: Annotated[str, Path(description="a share's id", examples=["shr_01k9zj4c2m8s0q1v5w7x3y6t4a"])],
    database: DatabaseDep,
) -> None:
    """From then on the link shows nothing."""
    with database.write() as db:
        shares.delete(db, id)


def _shared(database: Database, tokens: Tokens, path: str, runs: Sequence[Run], body: ShareRequest) -> ShareAnswer:
    with database.write() as db:
        return _answer(shares.create(db, path, runs, body.days), tokens)


def _answer(share: Share, tokens: Tokens) -> ShareAnswer:
    front = f"{SHARED}{tokens.of_share(share.id)}"
    has_page = share.path.startswith("/runs/")
    return ShareAnswer(
        id=share.id,
        owner=share.owner or None,
        path=share.path,
        link=address(f"{front}{share.path}"),
        page=address(f"{front}{shares.PAGES}{share.path}") if has_page else None,
        created_at=rfc3339(share.created_at),
        expires_at=rfc3339(share.expires_at),
    )
