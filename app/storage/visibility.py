"""The rows that a session sees and changes: those of its caller.

Each query of a caller's session gets the condition by itself, so no route, filter or bulk change can forget it. A few
queries are about the service as a whole, such as the place in the queue; they are executed with `EVERYONES`.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, false, true
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

from app.access import EVERYBODY, NO_OWNER, Caller
from app.errors import Forbidden
from app.storage.tables import Dataset, Owned, Run, Table

OWNED = [mapper.class_ for mapper in Table.registry.mappers if issubclass(mapper.class_, Owned)]
EVERYONES: dict[str, Any] = {"everyones": True}  # execution options of a query that sees all owners' rows
UNSYNCHRONIZED: dict[str, Any] = {"synchronize_session": False}  # of a change whose rows the session has not loaded


def caller_of(db: Session) -> Caller:
    """The caller for whom a session reads and writes."""
    caller: Caller = db.info.get("caller", EVERYBODY)
    return caller


def require_own(db: Session, row: Owned) -> None:
    """Raise Forbidden unless the session's caller may change the row, which it sees."""
    caller = caller_of(db)
    if not caller.is_admin and row.owner != caller.owner:
        raise Forbidden("not_owner")


def is_own(db: Session, table: type[Owned]) -> ColumnElement[bool]:
    """Condition of the rows that the session's caller may change."""
    caller = caller_of(db)
    return true() if caller.is_admin else table.owner == caller.owner


@lru_cache(1000)
def _seen_by(caller: Caller) -> tuple[LoaderCriteriaOption, ...]:
    """The conditions of what a caller sees."""
    if caller.only is None:
        return _conditions(lambda table: table.owner.in_((caller.owner, NO_OWNER)))
    return _conditions(lambda table: table.id.in_(caller.only) if table in (Run, Dataset) else false())


@lru_cache(1000)
def _changed_by(caller: Caller) -> tuple[LoaderCriteriaOption, ...]:
    """The conditions of what a caller changes."""
    return _conditions(lambda table: table.owner == caller.owner if caller.only is None else false())


def _conditions(condition: Callable[[Any], ColumnElement[bool]]) -> tuple[LoaderCriteriaOption, ...]:
    return tuple(with_loader_criteria(table, condition(table), include_aliases=True) for table in OWNED)


def limit_to_caller(state: ORMExecuteState) -> None:
    """Add the caller's condition to a query before it is executed."""
    caller = caller_of(state.session)
    if caller.is_admin or state.execution_options.get("everyones"):
        return
    if state.is_update or state.is_delete:
        state.statement = state.statement.options(*_changed_by(caller))
    elif state.is_select:
        state.statement = state.statement.options(*_seen_by(caller))
