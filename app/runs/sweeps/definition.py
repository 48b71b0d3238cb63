"""The definition of a sweep, as its row has it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from app.runs.sweeps.plan import Search
from app.runs.sweeps.requests import SAMPLERS, Sampler, SearchRequest, space_of
from app.runs.sweeps.space import Space
from app.storage.tables import Sweep

MAXIMIZED = ("accuracy", "r2")  # metrics that are better when they are larger
PARALLEL = 4  # trials at once for a sampler that learns from results


def is_maximized(metric: str) -> bool:
    """True if a larger value of the metric, such as `validation.accuracy`, is better."""
    return metric.rpartition(".")[2] in MAXIMIZED


@dataclass(frozen=True)
class Definition:
    """The run of a sweep, its space, and its search."""

    base: dict[str, Any]
    sampler: Sampler
    space: Space
    seeds: list[int]
    metric: str
    search: Search
    rungs: list[int]
    deadline: float | None

    @classmethod
    def of(cls, sweep: Sweep) -> "Definition":
        request = sweep.request
        sampler, space = stored_space(request)
        halving = request["halving"] or {"reduction": 3}
        search = Search(
            maximize=is_maximized(request["metric"]),
            trials=request["trials"],
            parallel=request["parallel"],
            rungs=len(sweep.rungs),
            reduction=halving["reduction"],
        )
        deadline = request["deadline"]
        return cls(
            base=request["base"],
            sampler=sampler,
            space=space,
            seeds=request["seeds"],
            metric=request["metric"],
            search=search,
            rungs=sweep.rungs,
            deadline=None if deadline is None else datetime.fromisoformat(deadline).timestamp(),
        )

    @property
    def seed(self) -> int:
        """The seed of the sampler: that of the run's request."""
        return int(self.base.get("seed", 0))

    def pause_epoch(self, rung: int) -> int | None:
        """The epoch after which a run pauses that trains up to a rung; None for the end."""
        return self.rungs[rung] if rung < len(self.rungs) else None


def stored_space(request: dict[str, Any]) -> tuple[Sampler, Space]:
    """The sampler of a stored request, and its space."""
    search = SearchRequest.model_validate({name: request[name] for name in SAMPLERS if name in request})
    sampler = cast(Sampler, search.sampler)
    return sampler, space_of(getattr(search, sampler))
