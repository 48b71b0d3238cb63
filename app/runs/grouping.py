"""Runs grouped by what they have in common, such as an optimizer or a tag."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any

from app.runs.overview import Overview, Point, scaled
from app.storage.tables import Run

MOST_GROUPED = 200  # runs of all groups together
TAG = "tag:"  # in front of the key of a tag
FIELDS: dict[str, Callable[[Run], Any]] = {
    "dataset": lambda run: run.environment.get("dataset_name", run.dataset),
    "optimizer": lambda run: run.request.get("optimizer", {}).get("name"),
    "lr": lambda run: run.request.get("optimizer", {}).get("lr"),
    "batch_size": lambda run: run.request.get("batch_size"),
    "seed": lambda run: run.request.get("seed"),
    "name": lambda run: run.name,
    "owner": lambda run: run.owner or None,
}


@dataclass(frozen=True)
class Group:
    """Runs with one value of a field, None for those without; the newest first."""

    value: Any
    members: list[Overview]

    @property
    def traces(self) -> list[tuple[str, list[Point]]]:
        """The first loss of each run, by its id, on a scale that all share."""
        drawn = [member for member in self.members if member.glance.losses]
        lines = scaled([member.glance.losses[0] for member in drawn])
        return [(member.view.run.id, line) for member, line in zip(drawn, lines, strict=True)]

    @property
    def results(self) -> list[float]:
        """The best results of the runs that have one, if all are of one task."""
        if len({member.view.run.task for member in self.members}) > 1:
            return []
        return [member.glance.best for member in self.members if member.glance.best is not None]

    @property
    def mean(self) -> float | None:
        return fmean(self.results) if self.results else None

    @property
    def spread(self) -> float | None:
        """The standard deviation over the runs; None for fewer than two."""
        return pstdev(self.results) if len(self.results) > 1 else None


def grouped(overviews: Sequence[Overview], field: str) -> list[Group]:
    """The groups by a key of FIELDS, or by a tag such as `tag:course`, the one with the best run first."""
    groups: dict[Any, list[Overview]] = {}
    for overview in overviews:
        groups.setdefault(_value(overview.view.run, field), []).append(overview)
    found = [Group(value, members) for value, members in groups.items()]
    return sorted(found, key=lambda group: max(group.results, default=-float("inf")), reverse=True)


def _value(run: Run, field: str) -> Any:
    return run.tags.get(field.removeprefix(TAG)) if field.startswith(TAG) else FIELDS[field](run)
