"""The queue of imports."""

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import Session

from app.constants import DatasetStatus
from app.messages import Message
from app.storage.queue.claims import Claims, Key, Now, Values
from app.storage.tables import Dataset


class ImportClaims(Claims[Dataset]):
    """The queue of imports. A dataset is `importing` from its upload on; a row without a worker is unclaimed.

    The fence asks for a worker too: an attempt that gave its row back can change nothing, even before the next claim.
    """

    table = Dataset
    order = (Key(Dataset.id),)
    held = and_(Dataset.status == DatasetStatus.IMPORTING, Dataset.worker.is_not(None))
    ENDED: ClassVar[Values] = {"progress": {}, "bytes": 0, **Claims.RELEASED}  # the upload is removed

    def claimable(self, now: Now) -> ColumnElement[bool]:
        is_free = or_(Dataset.worker.is_(None), Dataset.lease_expires_at < now)
        return and_(Dataset.status == DatasetStatus.IMPORTING, is_free)

    def failed(self, error: dict[str, Any]) -> Values:
        failure = {"code": error["code"], "params": error["params"]}
        return {
            "status": DatasetStatus.FAILED,
            "error": error["message"],
            "about": {"failure": failure},
            **self.ENDED,
        }

    def fail(self, db: Session, id: str, attempt: int, reason: Message) -> None:
        """End the import: the upload cannot become a dataset."""
        self.write(db, id, attempt, **self.failed({"message": reason.text(), **reason.to_json()}))

    def succeed(
        self,
        db: Session,
        id: str,
        attempt: int,
        folder: str,
        about: dict[str, Any],
        skipped: list[dict[str, str]],
        bytes: int,
    ) -> None:
        """End the import: the arrays are in `folder`, take so many `bytes`, and readers use them from now on."""
        values = {"status": DatasetStatus.READY, "folder": folder, "about": about, "skipped": skipped, "bytes": bytes}
        self.write(db, id, attempt, **self.ENDED | values)


import_claims = ImportClaims()
