"""The language of the filter box: `status:failed lr>0.01 owner:s1 /wide|deep/`.

Terms are separated by spaces, and a run must match all of them; a minus in front of one excludes what it matches:

- `field:value`, or `field:one,two` for any of several values; `tag:key:value`, or `tag:key` for any value
- `field>number`, and likewise `>=`, `<`, `<=` and `=`; a metric such as `accuracy` is that of the validation part
- `/pattern/`, a regular expression that the name matches, and any other word, which the name contains

Quotation marks hold a text together: `name:"two words"`.
"""

import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import re2
from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, false, func, literal, not_, or_, select, true
from sqlalchemy.exc import DBAPIError

from app.constants import RunStatus
from app.errors import Invalid
from app.storage.database import Database, database_now
from app.storage.measured import MEASURED, PARTS, measured
from app.storage.queue.claims import Now
from app.storage.runs import has_status
from app.storage.tables import Dataset, Run
from app.storage.tags import has_key, has_tag
from app.suggestions import closest

TERM = re.compile(
    r"""(?P<not>-)?(?:
        /(?P<pattern>(?:[^/\\]|\\.)+)/(?=\s|$)
      | (?P<field>[a-z_]+(?:\.[a-z0-9_]+)?)(?P<operator>:|>=|<=|=|>|<)(?P<value>"[^"]*"|\S*)
      | (?P<word>"[^"]*"|\S+)
    )""",
    re.VERBOSE,
)
COMPARED: dict[str, Callable[[Any, Any], Any]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
}
Condition = ColumnElement[bool]
Column = SQLColumnExpression[Any]

NUMBERS: dict[str, Column] = {
    "lr": Run.request[("optimizer", "lr")].as_float(),
    "batch_size": case((Run.request["batch_size"].as_string() != "full", Run.request["batch_size"].as_float())),
    "seed": Run.request["seed"].as_float(),
    "priority": Run.priority,
    "epoch": Run.progress["epoch"].as_float(),
    "step": Run.progress["step"].as_float(),
    "seconds": Run.progress["seconds"].as_float(),
    "attempt": Run.attempt,
    "bytes": Run.bytes,
}
TEXTS: dict[str, Column] = {
    "id": Run.id,
    "owner": Run.owner,
    "task": Run.task,
    "device": Run.device,
    "worker": Run.worker,
    "stop_reason": Run.stop_reason,
    "optimizer": Run.request[("optimizer", "name")].as_string(),
}
FIELDS = ("status", "dataset", "tag", "name", *TEXTS, *NUMBERS, *MEASURED)


def search(database: Database, text: str) -> Condition:
    """Condition of the runs that match all terms of the text. Raises Invalid, naming the term that is wrong."""
    return and_(true(), *_terms(database, text, database_now()))


def _terms(database: Database, text: str, now: Now) -> Iterator[Condition]:
    for term in TERM.finditer(text):
        if term["pattern"]:
            condition = _matches(database, term["pattern"])
        elif term["field"]:
            condition = _field(term["field"], term["operator"], term["value"].strip('"'), now)
        else:
            condition = Run.name.icontains(term["word"].strip('"'), autoescape=True)
        yield not_(func.coalesce(condition, false())) if term["not"] else condition


def _field(field: str, comparison: str, value: str, now: Now) -> Condition:
    number = _number_of(field)
    if number is not None:
        return _compared(number, field, "=" if comparison == ":" else comparison, value)
    if field not in FIELDS:
        near = closest(field, FIELDS)
        raise Invalid("search_field_unknown", "q", field=field, near=near, fields=list(FIELDS))
    if comparison not in (":", "="):
        raise Invalid("search_not_compared", "q", field=field)
    return or_(*(_equals(field, each, now) for each in value.split(",")))


def _number_of(field: str) -> Column | None:
    part, _, metric = field.rpartition(".")
    if metric in MEASURED and (not part or part in PARTS):
        return measured(Run.metrics, part or "validation", metric)
    return NUMBERS.get(field)


def _compared(column: Column, field: str, comparison: str, value: str) -> Condition:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("search_value_no_number", "q", field=field, value=value[:100])
    condition: Condition = COMPARED[comparison](column, number)
    return condition


def _equals(field: str, value: str, now: Now) -> Condition:
    match field:
        case "status":
            if value not in list(RunStatus):
                near = closest(value, list(RunStatus))
                raise Invalid("search_status_unknown", "q", value=value[:100], near=near, statuses=list(RunStatus))
            return has_status(RunStatus(value), now)
        case "dataset":
            return or_(Run.dataset == value, Run.dataset.in_(select(Dataset.id).where(Dataset.name == value)))
        case "tag":
            key, colon, content = value.partition(":")
            return has_tag(key, content) if colon else has_key(key)
        case "name":
            return Run.name.icontains(value, autoescape=True)
    return TEXTS[field] == value


def _matches(database: Database, pattern: str) -> Condition:
    """The name matches a regular expression. Raises Invalid for one that takes long, or that the database refuses."""
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)  # takes time in proportion to the text, so it knows no backreferences
        with database.read() as db:
            db.execute(select(literal("").regexp_match(pattern)))
    except (re2.error, DBAPIError) as error:
        raise Invalid("search_pattern_wrong", "q", pattern=pattern[:100]) from error
    return Run.name.regexp_match(pattern)
