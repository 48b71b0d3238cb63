"""Export of a trained network as an ONNX file."""

from typing import Annotated

from fastapi import Query, Response

from app.api.deps import SLOW, DatabaseDep, FilesDep, RunDep
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.learning.operators import Pixels
from app.learning.serialization import from_safetensors
from app.storage import datasets, runs

router = Router(prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid), dependencies=[READ])

ONNX = "application/octet-stream"


@router.get("/onnx", summary="Download the trained network as ONNX", response_class=Response, responses=binary(ONNX),
            dependencies=[SLOW])  # fmt: skip
def get_onnx(
    run: RunDep,
    database: DatabaseDep,
    files: FilesDep,
    pixels: Annotated[
        Pixels, Query(description="type of a picture's pixels, 0 to 255; rows are always float32")
    ] = "uint8",
) -> Response:
    """One file with the preprocessing inside: raw pictures or rows in; `probabilities` of the classes, or a `value` in
    the target's units, out. It takes any number of inputs at once. Its metadata name the run, the classes, and the
    columns of a table."""
    from app.serving.onnx_model import onnx_model  # the library is slow to load

    file = runs.served_file(run)
    with database.read() as db:
        columns = datasets.feature_names(db, run.id)
    content = onnx_model(from_safetensors(files.read(file)), run.id, pixels, columns)
    return Response(content, media_type=ONNX, headers={"Content-Disposition": f'attachment; filename="{run.id}.onnx"'})
