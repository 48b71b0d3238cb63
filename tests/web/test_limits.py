"""Inputs of forms have the limits of the requests that they send."""

import pytest
from pydantic import BaseModel

from app.api.schemas.models import PointRequest
from app.runs.requests import RunRequest
from app.runs.sweeps.requests import SweepRequest
from app.web.limits import limits


@pytest.mark.parametrize(
    ("model", "field", "attributes"),
    [
        (RunRequest, "name", {"maxlength": 200}),
        (RunRequest, "seed", {"min": 0, "max": 2**63 - 1}),
        (RunRequest, "stop/max_epochs", {"min": 1, "max": 1_000_000}),
        (SweepRequest, "trials", {"min": 1, "max": 1000}),
        (PointRequest, "shadow/share", {"min": 0, "max": 1}),
        (RunRequest, "dataset", {"maxlength": 200}),
    ],
)
def test_an_input_has_the_limits_of_its_field(model: type[BaseModel], field: str, attributes: dict[str, int]) -> None:
    assert limits(model, field) == attributes
