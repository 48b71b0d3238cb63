"""Signatures: what a network takes and predicts, from the description of the dataset that it has learnt from."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.storage.tables import Dataset, Run
from app.storage.visibility import EVERYONES

NAMED = 10  # differing inputs that a refusal names


class Signature(NamedTuple):
    """`features` are the names of the numbers in an input, with the categories; empty if they have none, as for
    pictures. `classes` are empty for a regression."""

    task: str
    shape: list[int]
    features: list[str]
    classes: list[str]

    @classmethod
    def of(cls, about: Mapping[str, Any]) -> Self:
        """The signature of a described dataset."""
        labels = [known["label"] for known in about["classes"]]
        return cls(about["task"], about["shape"], about.get("feature_names", []), labels)

    def differing_features(self, wanted: "Signature") -> dict[str, Any] | None:
        """The inputs that are missing here, and those that are not wanted; both empty if only their order differs.

        None if they are the same, or if one side has no names.
        """
        if not self.features or not wanted.features or self.features == wanted.features:
            return None
        missing = [name for name in wanted.features if name not in set(self.features)]
        unknown = [name for name in self.features if name not in set(wanted.features)]
        return {"missing": missing[:NAMED], "unknown": unknown[:NAMED], "same": not missing and not unknown}


def description(db: Session, run: str) -> dict[str, Any]:
    """The description of a run's dataset. A dataset outlives its runs; the caller may see the run alone.

    Raises NotFound.
    """
    query = select(Dataset.about).join(Run, Run.dataset == Dataset.id).where(Run.id == run)
    about: dict[str, Any] | None = db.execute(query, execution_options=EVERYONES).scalar_one_or_none()
    if about is None:
        raise NotFound("no_such_run", run=run)
    return about
