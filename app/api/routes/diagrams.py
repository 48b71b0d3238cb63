"""Drawings of networks."""

from fastapi import APIRouter, Response

from app.api.deps import SLOW, DatabaseDep, RunDep
from app.api.problems import binary, problems
from app.api.schemas.architectures import InspectRequest
from app.errors import Invalid, Malformed, NotFound
from app.insight.analysis.warnings import MOST_PARAMETERS
from app.learning.architecture import flatten_layers, rows, with_output_layer
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.plots.network import diagram
from app.storage import datasets

router = APIRouter(tags=["architectures"], responses=problems(Invalid))
SVG = "image/svg+xml"


@router.post("/architectures/diagram.svg", summary="Draw a network", response_class=Response,
             responses=binary(SVG) | problems(Malformed), dependencies=[SLOW])  # fmt: skip
def of_description(body: InspectRequest) -> Response:
    """A drawing in the style of the lecture: the height and depth of a block show its size in space, its
    width the channels. Each kind of layer has a colour."""
    layers = layers_from_json(body.model.model_dump(mode="json")["layers"])
    return _drawn(with_output_layer(layers, body.outputs), tuple(body.input_shape), body.model.preset or "")


@router.get("/runs/{id}/diagram.svg", summary="Draw a run's network", response_class=Response,
            responses=binary(SVG) | problems(NotFound), dependencies=[SLOW])  # fmt: skip
def of_run(run: RunDep, database: DatabaseDep) -> Response:
    """A drawing of the network that the run trains."""
    with database.read() as db:
        shape = tuple(datasets.get(db, run.request["dataset"]).about["shape"])
    return _drawn(layers_from_json(run.request["model"]["layers"]), shape, run.name or run.id)


def _drawn(layers: list[Layer], shape: Shape, title: str) -> Response:
    places = [place for _, place in flatten_layers(rows(layers, shape, MOST_PARAMETERS), opened=("sequence",))]
    return Response(diagram(places, shape, title), media_type=SVG)
