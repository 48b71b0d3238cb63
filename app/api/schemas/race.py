"""Request and response models of races."""

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.runs import RunAnswer
from app.runs.races import MOST_OPTIMIZERS
from app.runs.registry_requests import OptimizerRequest
from app.runs.request_model import RequestModel
from app.runs.requests import RunRequest


class RaceRequest(RequestModel):
    """A run and the optimizers to train it with."""

    run: RunRequest = Field(description="as for POST /runs; `optimizers` replace its optimizer")
    optimizers: list[OptimizerRequest] = Field(
        min_length=2,
        max_length=MOST_OPTIMIZERS,
        description="one run is queued for each, with the same initial weights and batches",
    )

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run": {"dataset": "notmnist", "stop": {"max_epochs": 5}},
                    "optimizers": [{"name": "sgd", "lr": 0.1}, {"name": "momentum", "lr": 0.05}, {"name": "adam"}],
                }
            ]
        }
    )


class RaceAnswer(BaseModel):
    """The runs in the order of the optimizers. They are ordinary runs with the tag `antigrad.race:<id>`."""

    id: str = Field(examples=["race_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="the race's id")
    runs: list[RunAnswer] = Field(description="one run for each optimizer")
    links: dict[str, str] = Field(
        examples=[{"curve": "/optimizers/race/race_01k9zj4c2m8s0q1v5w7x3y6t4a/curve.png"}],
        description="address of the picture of the runs' curves",
    )
