"""The audit log."""

from app.api.deps import Cursor, DatabaseDep, Limit, OwnerFilter
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.audit import AuditPage, audit_item
from app.api.scopes import ADMIN
from app.errors import Invalid
from app.storage import audit

router = Router(tags=["operations"], responses=problems(Invalid), dependencies=[ADMIN])


@router.get("/audit", summary="List who changed what, newest first")
def list_changes(
    database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None, owner: OwnerFilter = None
) -> AuditPage:
    """Each run, dataset, model and key that was made, changed or deleted. What workers do is not logged."""
    with database.read() as db:
        page = audit.page(db, limit, cursor, owner)
        return AuditPage(items=[audit_item(entry) for entry in page.items], next=page.next)
