"""The response model of a run has every stored field of its request."""

from app.api.schemas.runs import ResolvedModel, ResolvedRequest
from app.runs.requests import ModelRequest, RunRequest


def test_every_field_of_a_request_is_a_field_of_the_resolved_request() -> None:
    assert ResolvedRequest.__annotations__.keys() == RunRequest.model_fields.keys()
    assert ResolvedModel.__annotations__.keys() == ModelRequest.model_fields.keys() - {"preset"}
