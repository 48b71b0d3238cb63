"""Surfaces for the paths of optimizers, and their contour lines."""

from typing import Any

from app.api.deps import SLOW
from app.api.problems import problems
from app.api.registry_fields import fields_of, summary_of
from app.api.router import Router
from app.api.schemas.surfaces import ContoursAnswer, ContoursRequest, RegionAnswer, SurfaceEntry, Surfaces
from app.api.scopes import READ
from app.errors import Invalid, Malformed
from app.insight.surfaces.contours import regions
from app.insight.surfaces.functions import SURFACES, Surface, surface_from_json

router = Router(prefix="/optimizers", tags=["optimizers"], responses=problems(Invalid), dependencies=[READ])


@router.get("/surfaces", summary="List surfaces")
def list_surfaces() -> Surfaces:
    """The functions of two numbers on which `POST /optimizers/trajectory` computes paths."""
    return Surfaces(items=[_entry(surface) for surface in SURFACES.values()])


@router.post("/contours", summary="Compute contour lines of a surface", responses=problems(Malformed),
             dependencies=[SLOW])  # fmt: skip
def compute_contours(body: ContoursRequest) -> ContoursAnswer:
    """In the view of the surface, as closed regions, which can be filled or outlined. The levels are geometric, so that
    there are as many near the minimum as high above it."""
    fields: dict[str, Any] = body.surface.model_dump(mode="json")
    surface = surface_from_json(fields)
    below = [RegionAnswer(**vars(region)) for region in regions(surface, *surface.view, body.levels)]
    return ContoursAnswer(surface=fields, view=surface.view, regions=below)


def _entry(surface: type[Surface]) -> SurfaceEntry:
    return SurfaceEntry(
        name=surface.name,
        summary=summary_of(surface),
        formula=surface.formula,
        gradient_formula=surface.gradient_formula,
        minima=list(surface.minima),
        start=surface.start,
        view=surface.view,
        fields=list(fields_of(surface)),
    )
