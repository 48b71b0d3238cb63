"""Conditions on the tags of runs, which are stored as a JSON object."""

from typing import Any

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from app.storage.tables import Run


class EachTag(FunctionElement[Any]):
    """The members of a JSON object as rows with key and value.

    A path such as `$."key"` would not find every key: SQLite compares it with the stored text, in which letters beyond
    ASCII and quotation marks are escaped.
    """

    name, inherit_cache = "json_each_text", True


@compiles(EachTag, "sqlite")
def _in_sqlite(element: EachTag, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **options)})"


@compiles(EachTag)
def _in_postgres(element: EachTag, compiler: Any, **options: Any) -> str:
    return f"json_each_text({compiler.process(element.clauses, **options)})"


def has_tag(key: str, value: str) -> ColumnElement[bool]:
    """True for runs with this tag."""
    tag = EachTag(Run.tags).table_valued("key", "value")
    return exists(select(1).select_from(tag).where(tag.c.key == key, tag.c.value == value))


def has_key(key: str) -> ColumnElement[bool]:
    """True for runs with a tag of this key."""
    tag = EachTag(Run.tags).table_valued("key", "value")
    return exists(select(1).select_from(tag).where(tag.c.key == key))
