"""The limits of a key on what it queues and stores."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from app.access import Limits
from app.errors import Invalid, LimitReached
from app.messages import Fix
from app.storage import usage
from app.storage.visibility import caller_of

A_WHILE, LONG = 30, 3600  # seconds to wait: until a run may have ended, and until something has been changed


def limited(request: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The resolved request, with the limits as criteria where it has none. Raises LimitReached."""
    if limits.priority is not None and request["priority"] > limits.priority:
        fix = Fix("/priority", limits.priority)
        raise LimitReached("limit_priority", LONG, "/priority", fix, limit=limits.priority)
    return request | {"stop": limited_stop(request["stop"], limits)}


def limited_stop(stop: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The stop criteria, with the limits where they are none. Raises LimitReached."""
    bounded = dict(stop)
    for field, limit, code in (
        ("max_seconds", limits.seconds, "limit_seconds"),
        ("max_steps", limits.steps, "limit_steps"),
    ):
        if limit is None:
            continue
        if bounded[field] is None:
            bounded[field] = limit
        elif bounded[field] > limit:
            pointer = f"/stop/{field}"
            raise LimitReached(code, LONG, pointer, Fix(pointer, limit), limit=limit)
    return bounded


def refuse_jobs(db: Session, number: int, new_bytes: int = 0) -> None:
    """Raise LimitReached if the session's caller may not queue so many runs or batches more now, which store so many
    bytes at first, and Invalid if it never may. No other request of its owner is counted before this transaction ends.
    """
    caller = caller_of(db)
    limits = caller.limits
    if limits.runs is None and limits.bytes is None:
        return
    usage.lock(db, caller.owner)
    if limits.runs is not None:
        if number > limits.runs:
            raise Invalid("over_limit_runs", number=number, limit=limits.runs)
        if (count := usage.open_jobs(db, caller.owner)) + number > limits.runs:
            raise LimitReached("limit_runs", A_WHILE, limit=limits.runs, count=count, number=number)
    refuse_bytes(db, new_bytes)


def free_jobs(db: Session) -> int | None:
    """The number of runs that the session's caller may queue now; None if it has no limit."""
    caller = caller_of(db)
    if caller.limits.runs is None:
        return None
    return max(0, caller.limits.runs - usage.open_jobs(db, caller.owner))


def refuse_bytes(db: Session, number: int) -> None:
    """Raise LimitReached if the session's caller may not store so many bytes more now; with 0, if it has none left.
    Raise Invalid if it never may."""
    caller = caller_of(db)
    limit = caller.limits.bytes
    if limit is None:
        return
    if number > limit:
        raise Invalid("over_limit_bytes", number=number, limit=limit)
    usage.lock(db, caller.owner)
    stored = usage.stored_bytes(db, caller.owner)
    if stored + number > limit or stored >= limit:
        raise LimitReached("limit_bytes", LONG, limit=limit, bytes=stored)
