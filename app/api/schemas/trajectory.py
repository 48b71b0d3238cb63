"""Request and response models of trajectories."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.insight.surfaces.functions import DEFAULT_SURFACE
from app.learning.errors import InvalidChoice
from app.messages import Fix
from app.runs.registry_requests import OptimizerRequest, SurfaceRequest
from app.runs.request_model import RequestModel

MOST_STEPS = 10_000
MOST_OPTIMIZERS = 8


MOST_WORK = 20_000  # steps of all optimizers together: a second or two


Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]


class SpikeRequest(RequestModel):
    """An outlier: in one step the gradient is multiplied by a factor."""

    step: int = Field(ge=1, le=MOST_STEPS, description="counted from 1")
    factor: float = Field(ge=-1e9, le=1e9, description="what the gradient is multiplied by in that step")


class TrajectoryRequest(RequestModel):
    """The surface, the starting point and the optimizers."""

    surface: SurfaceRequest = Field(
        DEFAULT_SURFACE, validate_default=True, description="a surface's name, or an object with its fields"
    )
    start: tuple[Coordinate, Coordinate] | None = Field(
        None, strict=False, description="by default the surface's usual start", examples=[[-1.2, 1.0]]
    )
    steps: int = Field(
        50, ge=1, le=MOST_STEPS, description="number of steps of each optimizer; all steps together are at most 20,000"
    )
    noise: float = Field(
        0.0, ge=0, le=1e9, description="standard deviation of noise added to each gradient; equal for all optimizers"
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the noise")
    spike: SpikeRequest | None = Field(None, description="an outlier in the gradient; by default none")
    optimizers: list[OptimizerRequest] = Field(
        min_length=1,
        max_length=MOST_OPTIMIZERS,
        description="the optimizers to compare, each a name or an object with its fields",
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        most = MOST_WORK // len(self.optimizers)
        if self.steps > most:
            raise InvalidChoice(
                "too_many_trajectory_steps",
                "/steps",
                Fix("/steps", most),
                optimizers=len(self.optimizers),
                limit=most,
            )
        if self.spike is not None and self.spike.step > self.steps:
            raise InvalidChoice("spike_after_end", "/spike/step", Fix("/spike/step", self.steps), steps=self.steps)
        return self

    model_config = ConfigDict(
        json_schema_extra={
            "not": {
                "anyOf": [
                    {
                        "required": ["steps"],
                        "properties": {"optimizers": {"minItems": count}, "steps": {"minimum": MOST_WORK // count + 1}},
                    }
                    for count in range(MOST_WORK // MOST_STEPS + 1, MOST_OPTIMIZERS + 1)
                ]
            },
            "examples": [
                {
                    "surface": "rosenbrock",
                    "start": [-1.2, 1.0],
                    "steps": 50,
                    "optimizers": [{"name": "momentum", "lr": 0.0001, "momentum": 0.9, "formulas": "lecture"}],
                }
            ],
        }
    )


class SurfaceAnswer(BaseModel):
    """A surface; its value at the minimum is 0."""

    name: str = Field(examples=["quadratic"], description="the surface's name")
    formula: str = Field(examples=["f(x, y) = ½ (x² + κ y²)"], description="the function")
    gradient_formula: str = Field(examples=["∇f = (x, κ y)"], description="its gradient")
    minimum: tuple[float, float] = Field(examples=[(0.0, 0.0)], description="where the function is least")
    fields: dict[str, Any] = Field(
        examples=[{"condition": 10.0}], description="the surface's fields, with every default filled in"
    )


class PathAnswer(BaseModel):
    """The path of one optimizer, in float64."""

    optimizer: dict[str, Any] = Field(
        description="with every default filled in", examples=[{"name": "sgd", "formulas": "torch", "lr": 0.1}]
    )
    points: list[tuple[float, float]] = Field(
        description="the start, then one point per step", examples=[[(-1.2, 1.0)]]
    )
    values: list[float] = Field(description="the surface's value at each point", examples=[[24.2]])
    diverged: bool = Field(description="true if a step led beyond 1e100 or to NaN; the path ends before that step")


class TrajectoryAnswer(BaseModel):
    """A path for each optimizer, in the order of the request."""

    surface: SurfaceAnswer = Field(description="the surface that the paths are on")
    paths: list[PathAnswer] = Field(description="one path for each optimizer")
