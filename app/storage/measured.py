"""Metrics of runs as SQL: the values of a JSON column, written so that an index on them is found."""

from typing import Any

from sqlalchemy import Float, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped
from sqlalchemy.sql.functions import FunctionElement

from app.constants import TASK_METRICS

PARTS = ("train", "validation", "test")
MEASURED = tuple(dict.fromkeys(name for names in TASK_METRICS.values() for name in names))  # without repetitions


class Measured(FunctionElement[float]):
    """The number at a path of a JSON column; NULL where there is none, or one that is not finite."""

    type = Float(53)
    inherit_cache = True


def measured(metrics: Mapped[dict[str, Any]], part: str, name: str) -> Measured:
    """A metric of a part in a column of metrics.

    The path stands in the statement itself: databases compare it with an index before they know the parameters.
    """
    return Measured(metrics, bindparam("path", f"{part}.{name}", literal_execute=True, unique=True))


@compiles(Measured, "sqlite")
def _in_sqlite(element: Measured, compiler: Any, **options: Any) -> str:
    column, path = (compiler.process(clause, **options) for clause in element.clauses)
    at_path = f"{column}, '$.' || {path}"
    return f"CASE WHEN json_type({at_path}) IN ('integer', 'real') THEN json_extract({at_path}) END"


@compiles(Measured, "postgresql")
def _in_postgres(element: Measured, compiler: Any, **options: Any) -> str:
    column, path = (compiler.process(clause, **options) for clause in element.clauses)
    keys = f"string_to_array({path}, '.')"
    number = f"CAST({column} #>> {keys} AS double precision)"
    return f"(CASE WHEN json_typeof({column} #> {keys}) = 'number' THEN {number} END)"
