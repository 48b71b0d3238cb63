"""Runs side by side, and in groups."""

from typing import Annotated, Any

from fastapi import Query

from app.api.deps import SLOW, DatabaseDep, GlancesDep
from app.api.problems import problems
from app.api.router import Router
from app.api.run_filter import FilterDep
from app.api.schemas.comparison import AN_ID, Comparison, RunGroups, comparison, run_group
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.runs.comparison import MOST, chosen, compare
from app.runs.grouping import FIELDS, MOST_GROUPED, TAG, grouped
from app.runs.request_model import pattern
from app.runs.views import views
from app.storage import runs

router = Router(prefix="/runs", tags=["runs"], responses=problems(Invalid))

GroupField: Any = Annotated[
    pattern(rf"({'|'.join(FIELDS)}|{TAG}[^\x00]{{1,200}})", "group_malformed", examples=["optimizer"]),
    Query(description=f"{', '.join(f'`{name}`' for name in FIELDS)}, or a tag's key after `{TAG}`"),
]


RunList: Any = Annotated[
    pattern(
        rf"[^,\x00]{{1,100}}(,[^,\x00]{{1,100}}){{0,{MOST - 1}}}",
        "run_list_malformed",
        examples=[f"{AN_ID},run_01k9zj4c2m8s0q1v5w7x3y6t4b"],
    ),
    Query(alias="runs", max_length=2000, description=f"ids of at most {MOST} runs, separated by commas"),
]


@router.get("/comparison", summary="Compare runs", responses=problems(NotFound), dependencies=[READ])
def compare_runs(
    database: DatabaseDep,
    ids: RunList,
    baseline: Annotated[
        str | None, Query(max_length=100, description="the run that the others are compared with; by default the first")
    ] = None,
) -> Comparison:
    """The fields in which the requests of the runs differ, and their metrics against those of one of them. Names and
    priorities are left out, since they change nothing about a training."""
    with database.read() as db:
        rows = chosen(db, ids)
    base = next((run for run in rows if run.id == baseline), None) if baseline else rows[0]
    if base is None:
        raise Invalid("baseline_not_compared", "baseline", baseline=baseline)
    return comparison(compare(rows, base), base)


@router.get("/groups", summary="Group runs by a field", dependencies=[READ, SLOW])
def group_runs(database: DatabaseDep, glances: GlancesDep, where: FilterDep, by: GroupField) -> RunGroups:
    """The newest 200 runs that match all given filters, grouped by what they have in common, with the mean and spread
    of their best accuracies on the validation part (R² for a regression)."""
    with database.read() as db:
        items = views(db, runs.page(db, where, MOST_GROUPED).items)
    return RunGroups(items=[run_group(group) for group in grouped(glances.overviews(database, items), by)])
