"""Request and response models of named models."""

from pydantic import BaseModel, Field

from app.api.schemas.times import rfc3339
from app.runs.request_model import RequestModel, Text
from app.storage.tables import ModelVersion


class Version(BaseModel):
    version: int = Field(examples=[2])
    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    created_at: str


class ModelAnswer(BaseModel):
    """A name for a trained run."""

    name: str = Field(examples=["letters"])
    run: str = Field(description="the run that the name points at now", examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    history: list[Version] = Field(description="newest first; to roll back, PUT an older run")


class ModelList(BaseModel):
    items: list[ModelAnswer]


def model_answer(versions: list[ModelVersion]) -> ModelAnswer:
    """The response for a name, from its versions, newest first."""
    history = [Version(version=v.version, run=v.run, created_at=rfc3339(v.created_at)) for v in versions]
    return ModelAnswer(name=versions[0].model, run=versions[0].run, history=history)


class PointRequest(RequestModel):
    """The run that a name is to point at."""

    run: Text = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
