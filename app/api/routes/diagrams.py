"""Drawings of networks."""

from fastapi import Response

from app.api.deps import SLOW, DatabaseDep, FilesDep, RunDep
from app.api.described_network import described_network
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.architectures import InspectRequest
from app.api.scopes import READ
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.analysis.warnings import MOST_PARAMETERS
from app.learning.architecture import flatten_layers, rows
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.plots.network import diagram
from app.storage import datasets

router = Router(tags=["architectures"], responses=problems(Invalid), dependencies=[READ])
SVG = "image/svg+xml"


@router.post("/architectures/diagram.svg", summary="Draw a network", response_class=Response,
             responses=binary(SVG) | problems(NotFound, Malformed, Conflict), dependencies=[SLOW])  # fmt: skip
def draw_architecture(body: InspectRequest, database: DatabaseDep, files: FilesDep) -> Response:
    """A drawing in the style of the lecture: the height and depth of a block show its size in space, its
    width the channels. Each kind of layer has a colour."""
    network = described_network(body, database, files)
    return _drawn(network.layers, network.shape, body.model.preset or "")


@router.get("/runs/{id}/diagram.svg", summary="Draw a run's network", response_class=Response,
            responses=binary(SVG) | problems(NotFound), dependencies=[SLOW])  # fmt: skip
def draw_run(run: RunDep, database: DatabaseDep) -> Response:
    """A drawing of the network that the run trains."""
    with database.read() as db:
        shape = tuple(datasets.get(db, run.request["dataset"]).about["shape"])
    return _drawn(layers_from_json(run.request["model"]["layers"]), shape, run.name or run.id)


def _drawn(layers: list[Layer], shape: Shape, title: str) -> Response:
    places = [place for _, place in flatten_layers(rows(layers, shape, MOST_PARAMETERS), opened=("sequence",))]
    return Response(diagram(places, shape, title), media_type=SVG)
