"""Response models of drift."""

from pydantic import BaseModel, Field

from app.api.schemas.messages import MessageAnswer
from app.api.schemas.models import A_RUN
from app.insight.analysis.drift import FeatureSeen, in_words


class FeatureDrift(BaseModel):
    """A feature of the inputs: brightness, contrast or border of pictures, or a column of a table."""

    name: str = Field(description="the feature", examples=["brightness"])
    seen: float = Field(description="its mean over the newest inputs", examples=[118.2])
    mean: float = Field(description="its mean in the training", examples=[105.7])
    spread: float = Field(description="its standard deviation in the training", examples=[41.3])
    drifted: bool = Field(description="true if the difference is no chance", examples=[False])


class RunDrift(BaseModel):
    """Newest inputs of a run, compared with its training."""

    run: str = Field(description="the run that predicted", examples=[A_RUN])
    examined: int = Field(description="number of logged inputs that were compared, at most 100", examples=[100])
    drifted: bool | None = Field(description="true if the inputs differ; null below 50 inputs", examples=[False])
    words: list[str] = Field(description="what differs, as sentences", examples=[[]])
    messages: list[MessageAnswer] = Field(description="`words` as codes with parameters")
    features: list[FeatureDrift] = Field(description="the features; none before there are inputs")


class DriftAnswer(BaseModel):
    """Drift of the inputs of a model."""

    model: str = Field(description="the model's name", examples=["letters"])
    runs: list[RunDrift] = Field(description="the runs that answer now")


def run_drift(run: str, examined: int, fewest: int, seen: list[FeatureSeen]) -> RunDrift:
    """The response for a run; it judges only by at least `fewest` inputs."""
    messages = in_words(seen) if examined >= fewest else []
    return RunDrift(
        run=run,
        examined=examined,
        drifted=bool(messages) if examined >= fewest else None,
        words=[message.text() for message in messages],
        messages=[MessageAnswer.of(message) for message in messages],
        features=[
            FeatureDrift(
                name=item.name,
                seen=item.seen,
                mean=item.mean,
                spread=item.spread,
                drifted=item.has_drifted and examined >= fewest,
            )
            for item in seen
        ],
    )
