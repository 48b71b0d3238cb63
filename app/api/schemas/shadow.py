"""Response models of the comparison of a model with the run in its shadow."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.input_content import picture_of, row_of
from app.api.schemas.models import A_RUN, ANOTHER
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.storage.shadows import COUNTED
from app.storage.tables import ModelVersion, ShadowDifference, ShadowTally

A_PICTURE = "data:image/png;base64,iVBORw0KGgo="


class Said(BaseModel):
    """A prediction; without any field if the network had none."""

    label: str | None = Field(None, description="the class", examples=["A"])
    probability: float | None = Field(None, description="probability of the class", examples=[0.97])
    value: float | None = Field(None, description="the value of a regression", examples=[151.2])


class DifferenceAnswer(BaseModel):
    """An input on which both disagree."""

    at: str = Field(description="time of the comparison", examples=[AN_INSTANT])
    live: Said = Field(description="the prediction that the client got")
    shadow: Said = Field(description="the prediction of the run in the shadow")
    picture: str | None = Field(description="the picture as a data: address; null for a row", examples=[A_PICTURE])
    row: list[float] | None = Field(description="the numbers of a row; null for a picture", examples=[[0.5, 3.0]])


class ShadowReport(BaseModel):
    """Comparison of the run in a model's shadow with the runs that answer."""

    model: str = Field(description="the model's name", examples=["letters"])
    version: int = Field(description="version of the name", examples=[3])
    run: str = Field(description="the run that most requests go to", examples=[A_RUN])
    shadow: str = Field(description="the run in the shadow", examples=[ANOTHER])
    share: float = Field(description="share of the requests that it also gets", examples=[0.2])
    compared: int = Field(description="number of inputs that both have predicted", examples=[1000])
    agreed: int = Field(description="of these, with the same label, or values within 1% of each other", examples=[981])
    agreement: float | None = Field(description="the share that agreed; null before the first one", examples=[0.981])
    failed: int = Field(description="number of inputs for which the shadow had an error", examples=[0])
    dropped: int = Field(
        description="number of inputs in its share that were not compared: live predictions left no time",
        examples=[250],
    )
    live_milliseconds: float | None = Field(
        description="mean over the inputs of the time of their batch in the run that answered", examples=[0.21]
    )
    shadow_milliseconds: float | None = Field(
        description="mean over the same inputs of the time of their batch in the shadow", examples=[0.35]
    )
    differing: list[DifferenceAnswer] = Field(description="the newest inputs on which they disagree, at most 20")


def shadow_report(
    version: ModelVersion, shadow: dict[str, Any], tally: ShadowTally | None, differences: list[ShadowDifference]
) -> ShadowReport:
    """The response for a version with a run in its shadow."""
    sums = tally or ShadowTally(**dict.fromkeys(COUNTED, 0))
    compared = sums.compared
    return ShadowReport(
        model=version.model,
        version=version.version,
        run=version.run,
        shadow=shadow["run"],
        share=shadow["share"],
        compared=compared,
        agreed=sums.agreed,
        agreement=sums.agreed / compared if compared else None,
        failed=sums.failed,
        dropped=max(0, sums.mirrored - compared - sums.failed),  # an older version may have counted fewer
        live_milliseconds=1000 * sums.live_seconds / compared if compared else None,
        shadow_milliseconds=1000 * sums.shadow_seconds / compared if compared else None,
        differing=[_difference(item) for item in differences],
    )


def _difference(item: ShadowDifference) -> DifferenceAnswer:
    return DifferenceAnswer(
        at=rfc3339(item.created_at),
        live=Said(**item.live),
        shadow=Said(**item.shadow),
        picture=picture_of(item.content),
        row=row_of(item.content),
    )
