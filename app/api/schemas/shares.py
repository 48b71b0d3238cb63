"""Request and response models of links that show a run."""

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.runs import A_RUN
from app.api.schemas.times import AN_INSTANT
from app.runs.request_model import RequestModel

A_LINK = "/shared/InNocl8wMWs5emo0YzJtOHMwcTF2NXc3eDN5NnQ0YSI.sFQO9sTvSKMZ2vwQtUzb3KNKlaUzLEcFRVQFJk5c0mA"


class ShareRequest(RequestModel):
    """The validity of a link."""

    days: int = Field(30, ge=1, le=365, description="days after which the link shows nothing")

    model_config = ConfigDict(json_schema_extra={"examples": [{"days": 30}]})


class ShareAnswer(BaseModel):
    """A link that shows a run, or the runs of a group, without a key."""

    id: str = Field(description="the share's id", examples=["shr_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    owner: str | None = Field(description="the owner of the key that made it; null if it is common", examples=["s1"])
    path: str = Field(description="the address of what it shows", examples=[f"/runs/{A_RUN}"])
    link: str = Field(
        description="the address to give away; what it answers links to has it in front",
        examples=[f"{A_LINK}/runs/{A_RUN}"],
    )
    page: str | None = Field(
        description="the same for a browser; null for a race or an experiment, which has no page",
        examples=[f"{A_LINK}/ui/runs/{A_RUN}"],
    )
    created_at: str = Field(description="time of the request", examples=[AN_INSTANT])
    expires_at: str = Field(description="time from which the link shows nothing", examples=[AN_INSTANT])


class ShareList(BaseModel):
    items: list[ShareAnswer] = Field(description="links that have not expired, newest first")
