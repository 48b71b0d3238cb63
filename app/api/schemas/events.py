"""Data of server-sent events, for the OpenAPI document."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, RootModel

from app.api.schemas.curves import Points
from app.api.schemas.runs import Metrics, Progress, RunAnswer
from app.constants import RunStatus


class StatusEvent(BaseModel):
    """Data of the event `status`."""

    status: RunStatus = Field(description="where the run is in its life")
    attempt: int = Field(description="number of executions by a worker")


class PointsEvent(RootModel[dict[str, Points]]):
    """Data of the event `points`: the next points of each series, by its name."""


class ProgressEvent(Progress, total=False):
    """Data of the event `progress`: the progress of a training, with its newest metrics."""

    metrics: Annotated[Metrics, Field(description="the newest metrics of each part")]


EVENTS: dict[str, type] = {
    "status": StatusEvent,
    "points": PointsEvent,
    "progress": ProgressEvent,
    "done": RunAnswer,
}


def _data(content: dict[str, Any]) -> dict[str, Any]:
    return {"contentMediaType": "application/json", "contentSchema": content}


def _of_run(content: dict[str, Any]) -> dict[str, Any]:
    """The content of an event in a stream of several runs."""
    place = {"type": ["string", "null"], "description": "position in the run; null in the stream of the newest runs"}
    properties = {"run": {"type": "string", "description": "id of the run"}, "at": place, "data": content}
    return {"type": "object", "required": [*properties], "properties": properties}


def _stream(required: list[str], data: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The stream: FastAPI describes the fields of an event, and these their content."""
    forms = [{"properties": {"event": {"const": kind}, "data": _data(content)}} for kind, content in data.items()]
    return {"schema": {"type": "string"}, "itemSchema": {"required": required, "oneOf": forms}}


CONTENT = {kind: {"$ref": f"#/components/schemas/{model.__name__}"} for kind, model in EVENTS.items()}
STREAM = _stream(["event", "id", "data"], CONTENT)
STREAM_OF_RUNS = _stream(
    ["event", "data"], {kind: _of_run(content) for kind, content in {**CONTENT, "gone": {"type": "null"}}.items()}
)
