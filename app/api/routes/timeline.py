"""Timelines of runs."""

from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.timeline import Timeline, timeline
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.storage import runs

router = Router(prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid), dependencies=[READ])


@router.get("/timeline", summary="List what happened to a run")
def get_timeline(run: RunDep, database: DatabaseDep) -> Timeline:
    """Each change of its status, and each attempt with its worker. An attempt that follows another without a change of
    status took over from a worker that had gone."""
    with database.read() as db:
        return timeline(run, runs.events(db, run.id))
