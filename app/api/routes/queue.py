"""The queue of runs: who waits, why, and until when."""

from app.api.deps import Cursor, DatabaseDep, Limit, SettingsDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.queue import QueueAnswer, queue_answer
from app.api.scopes import READ
from app.errors import Invalid
from app.runs.queue import queue_page

router = Router(tags=["operations"])


@router.get("/queue", summary="List the runs that wait, with the reason of each", responses=problems(Invalid),
            dependencies=[READ])  # fmt: skip
def get_queue(database: DatabaseDep, settings: SettingsDep, limit: Limit = 50, cursor: Cursor = None) -> QueueAnswer:
    """A run with a higher priority starts first. Among equal priorities owners take turns: the next run is of the owner
    whose runs have trained least. The runs of one owner start in the order of their requests."""
    with database.read() as db:
        return queue_answer(queue_page(db, limit, cursor, settings.lease_seconds))
