"""The filter and the order that lists, tables and pictures of runs, and changes of many runs, have in common."""

from typing import Annotated, Any

from fastapi import Depends, Query
from sqlalchemy import ColumnElement

from app.api.deps import DatabaseDep, OwnerFilter
from app.api.schemas.times import Duration, seconds_of
from app.constants import SWEEP_TAG, RunStatus
from app.errors import Invalid, NotFound
from app.runs.request_model import pattern
from app.storage import datasets, run_search, runs
from app.storage.database import database_now
from app.storage.measured import MEASURED, PARTS
from app.storage.run_order import VALUES, RunOrder

VALUE = "|".join(("created_at", *VALUES, rf"({'|'.join(PARTS)})\.({'|'.join(MEASURED)})"))
Sort: Any = Annotated[
    pattern(f"-?({VALUE})", "sort_malformed", examples=["-test.accuracy"]),
    Query(
        description="`created_at`, `finished_at`, `name`, `bytes`, or a metric of a part such as `test.accuracy`; with "
        "a minus, the largest first. Runs without the value come last"
    ),
]


def run_filter(
    database: DatabaseDep,
    tag: Annotated[
        list[Annotated[str, Query(max_length=401, json_schema_extra={"pattern": r"^[^\u0000:]*:[^\u0000]*$"})]],
        Query(default_factory=list, max_length=50, description="key:value; runs must have all tags that are given"),
    ],
    status: Annotated[RunStatus | None, Query(description="only runs with this status")] = None,
    dataset: Annotated[
        str | None, Query(max_length=200, description="a dataset's id, or its name for all versions")
    ] = None,
    name: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="only runs whose name contains this text; capitals A to Z do not matter",
        ),
    ] = None,
    owner: OwnerFilter = None,
    sweep: Annotated[
        str | None,
        Query(max_length=100, description="only runs of this sweep", examples=["swp_01k9zj4c2m8s0q1v5w7x3y6t4a"]),
    ] = None,
    older: Annotated[
        Duration | None, Query(description="only runs that ended longer ago than this, such as `30d` or `12h`")
    ] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=10_000,
            description="terms that a run must match, such as `status:failed lr>0.01 owner:s1 tag:course:ml "
            "/wide|deep/`; docs/pages.md lists them",
            examples=["status:succeeded accuracy>0.9"],
        ),
    ] = None,
) -> ColumnElement[bool] | None:
    of: list[str] = []
    if dataset is not None:
        try:
            with database.read() as db:
                of = datasets.versions(db, dataset)
        except NotFound as error:  # the filter is wrong, not the address
            raise Invalid.because(error, "dataset") from error
    tags = tag if sweep is None else [*tag, f"{SWEEP_TAG}:{sweep}"]
    if status is dataset is owner is name is older is None and not tags and not (q or "").strip():
        return None
    ended_for = None if older is None else seconds_of(older)
    where = runs.matching(database_now(), status, of, tags, owner, name, ended_for)
    return where if q is None else where & run_search.search(database, q)


def some_filter(where: Annotated[ColumnElement[bool] | None, Depends(run_filter)]) -> ColumnElement[bool]:
    """The filter of a change of many runs. Raises Invalid if there is none."""
    if where is None:
        raise Invalid("filter_missing")
    return where


def any_filter(where: Annotated[ColumnElement[bool] | None, Depends(run_filter)]) -> ColumnElement[bool]:
    """The filter of a list: all runs, if none is given."""
    return runs.matching(database_now()) if where is None else where


def run_order(sort: Sort = "-created_at") -> RunOrder:
    return RunOrder.by(sort)


FilterDep = Annotated[ColumnElement[bool], Depends(any_filter)]
SomeFilterDep = Annotated[ColumnElement[bool], Depends(some_filter)]
OrderDep = Annotated[RunOrder, Depends(run_order)]
