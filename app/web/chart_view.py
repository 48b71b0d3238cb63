"""View of a page's charts and tables, in the address of the page. Only its scripts read it."""

from typing import Annotated

from fastapi import Depends, Query

Word = Annotated[str | None, Query(max_length=100)]


async def _chart_view(
    axis: Word = None,
    smoothing: Word = None,
    scale: Word = None,
    start: Annotated[float | None, Query(alias="from")] = None,
    end: Annotated[float | None, Query(alias="to")] = None,
    across: Word = None,
    up: Word = None,
    within: Annotated[str | None, Query(max_length=2000)] = None,
    part: Word = None,
    cell: Word = None,
    look: Word = None,
) -> None:
    """Accept the parameters: an address with unknown ones is refused."""


CHART_VIEW = Depends(_chart_view)
