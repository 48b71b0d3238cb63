"""The weights of a run's first layer as a picture."""

from typing import Annotated

from fastapi import Query, Response

from app.api.deps import SLOW, DatabaseDep, FilesDep, RunDep
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.learning.serialization import from_safetensors
from app.plots.filters import filters_png
from app.storage import runs

router = Router(prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid), dependencies=[READ])


@router.get("/filters.png", summary="Draw the weights of the first layer", response_class=Response,
            responses=binary("image/png"), dependencies=[SLOW])  # fmt: skip
def draw_filters(
    run: RunDep,
    database: DatabaseDep,
    files: FilesDep,
    step: Annotated[
        int | None, Query(ge=1, le=10**9, description="step of a checkpoint; by default the final weights")
    ] = None,
) -> Response:
    """One tile for each of the first 64 units: orange where a bright pixel speaks for it, blue where it speaks against
    it. For pictures in colour the weights are colours, in which gray is 0."""
    if step is None:
        file = runs.served_file(run)
    else:
        with database.read() as db:
            file = runs.checkpoint_weights(db, run.id, step).weights or runs.served_file(run)
    return Response(filters_png(from_safetensors(files.read(file))), media_type="image/png")
