"""Paths of optimizers on a two-dimensional surface."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from fastapi import Response

from app.api.deps import SLOW, FormatDep
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.trajectory import PathAnswer, SurfaceAnswer, TrajectoryAnswer, TrajectoryRequest
from app.api.scopes import READ
from app.errors import Invalid, Malformed
from app.insight.surfaces.functions import Surface, surface_from_json
from app.insight.surfaces.trajectory import Path, Spike, gaussian_noise, walk
from app.learning.optimizers import optimizer_from_json
from app.plots.contours import draw
from app.plots.curves import MEDIA_TYPES, optimizer_labels

router = Router(tags=["optimizers"], responses=problems(Invalid, Malformed), dependencies=[READ])


@router.post("/optimizers/trajectory", summary="Compute the paths of optimizers on a surface", dependencies=[SLOW])
def compute_trajectory(body: TrajectoryRequest) -> TrajectoryAnswer:
    """The optimizers are those that train networks, in PyTorch's or the lecture's form. Equal requests give equal
    answers."""
    surface = surface_from_json(body.surface.model_dump(mode="json"))
    paths = [PathAnswer(optimizer=optimizer, **vars(path)) for optimizer, path in _walked(body, surface)]
    about = SurfaceAnswer(
        name=surface.name,
        formula=surface.formula,
        gradient_formula=surface.gradient_formula,
        minimum=surface.minima[0],
        fields=asdict(surface),  # type: ignore[call-overload]
    )
    return TrajectoryAnswer(surface=about, paths=paths)


@router.post("/optimizers/trajectory.{format}", summary="Draw the paths of optimizers", response_class=Response,
             responses=binary("image/png", "image/svg+xml"), dependencies=[SLOW])  # fmt: skip
def draw_trajectory(body: TrajectoryRequest, format: FormatDep) -> Response:
    """The paths on the surface's contour lines, and the surface's value after each step."""
    surface = surface_from_json(body.surface.model_dump(mode="json"))
    optimizers, walked = zip(*_walked(body, surface), strict=True)
    paths = dict(zip(_names(optimizers), walked, strict=True))
    return Response(draw(surface, paths, format), media_type=MEDIA_TYPES[format])


def _names(optimizers: Sequence[dict[str, Any]]) -> list[str]:
    """Labels for the legend; equal labels are numbered."""
    labels = optimizer_labels(optimizers)
    twins = [labels[:place].count(label) for place, label in enumerate(labels)]
    return [f"{label} ({before + 1})" if before else label for label, before in zip(labels, twins, strict=True)]


def _walked(body: TrajectoryRequest, surface: Surface) -> Iterator[tuple[dict[str, Any], Path]]:
    """Each optimizer with every default filled in, and its path."""
    noise = gaussian_noise(body.noise, body.steps, body.seed)
    spike = None if body.spike is None else Spike(body.spike.step, body.spike.factor)
    for optimizer in (request.model_dump(mode="json") for request in body.optimizers):
        yield optimizer, walk(surface, body.start or surface.start, optimizer_from_json(optimizer), noise, spike)
