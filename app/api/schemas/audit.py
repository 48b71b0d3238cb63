"""Response models of the audit log."""

from pydantic import BaseModel, Field

from app.api.schemas.runs import A_RUN
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.storage.audit import Action
from app.storage.tables import AuditEntry


class AuditItem(BaseModel):
    """A change."""

    id: str = Field(description="the entry's id", examples=["aud_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    at: str = Field(description="time of the change", examples=[AN_INSTANT])
    owner: str | None = Field(
        description="owner of the key; null without a key, and for commands that work on the database", examples=["s1"]
    )
    key: str | None = Field(
        description="id of the key; null without one, and for commands", examples=["key_01k9zj4c2m8s0q1v5w7x3y6t4a"]
    )
    action: Action = Field(description="what was done", examples=["run.cancel"])
    target: str = Field(description="id of what was changed, or a model's name", examples=[A_RUN])


class AuditPage(BaseModel):
    """Changes, newest first; `next` is the cursor of the following page."""

    items: list[AuditItem] = Field(description="the changes of this page")
    next: str | None = Field(description="`cursor` of the next page; null on the last one")


def audit_item(entry: AuditEntry) -> AuditItem:
    """The response for an entry."""
    return AuditItem(
        id=entry.id,
        at=rfc3339(entry.at),
        owner=entry.owner or None,
        key=entry.key,
        action=Action(entry.action),
        target=entry.target,
    )
