"""Request and response models of surfaces and their contours."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.registry import FieldAnswer
from app.insight.surfaces.functions import DEFAULT_SURFACE
from app.runs.registry_requests import SurfaceRequest
from app.runs.request_model import RequestModel


class SurfaceEntry(BaseModel):
    """A function of two numbers. Its value at a minimum is 0."""

    name: str = Field(description="the name in a request", examples=["quadratic"])
    summary: str = Field(examples=["A bowl, κ times as steep in y as in x"], description="what it is, in a sentence")
    formula: str = Field(examples=["f(x, y) = ½ (x² + κ y²)"], description="the function")
    gradient_formula: str = Field(examples=["∇f = (x, κ y)"], description="its gradient")
    minima: list[tuple[float, float]] = Field(examples=[[(0.0, 0.0)]], description="all points where it is least")
    start: tuple[float, float] = Field(examples=[(10.0, 1.0)], description="the usual start")
    view: tuple[tuple[float, float], tuple[float, float]] = Field(
        examples=[((-12.0, -9.0), (12.0, 9.0))],
        description="the lower left and the upper right corner of the part of the plane that shows it",
    )
    fields: list[FieldAnswer] = Field(description="the fields that a request may give", examples=[[]])


class Surfaces(BaseModel):
    items: list[SurfaceEntry] = Field(description="all surfaces")


class ContoursRequest(RequestModel):
    """The surface, and how many levels."""

    surface: SurfaceRequest = Field(
        DEFAULT_SURFACE, validate_default=True, description="a surface's name, or an object with its fields"
    )
    levels: int = Field(14, ge=1, le=40, description="number of contour lines")

    model_config = ConfigDict(json_schema_extra={"examples": [{"surface": "rosenbrock", "levels": 14}]})


class RegionAnswer(BaseModel):
    """The part of the plane where the surface is at most at a level."""

    level: float = Field(description="the value of the surface along the edge", examples=[2.5])
    rings: list[list[tuple[float, float]]] = Field(
        description="closed rings of points; one within another is a hole, as by the even-odd rule",
        examples=[[[(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)]]],
    )


class ContoursAnswer(BaseModel):
    """Regions from the highest level to the lowest: each lies within the one before."""

    surface: dict[str, Any] = Field(
        description="the surface, with every default filled in", examples=[{"name": "quadratic", "condition": 10.0}]
    )
    view: tuple[tuple[float, float], tuple[float, float]] = Field(
        description="the lower left and the upper right corner", examples=[((-12.0, -9.0), (12.0, 9.0))]
    )
    regions: list[RegionAnswer] = Field(description="a region for each level, the highest level first")
