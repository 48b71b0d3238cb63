"""Import options of an upload, from the query."""

import re
from typing import Annotated

from fastapi import Query

from app.datasets.errors import ImportFailed
from app.datasets.formats.class_labels import MOST_SIDE
from app.datasets.images.codec import Background, Resize
from app.datasets.import_options import ImportOptions, Kind, Task, text_encoding
from app.errors import Invalid

KINDS: tuple[Kind, ...] = ("number", "category", "ignore")


def reading(
    shape: Annotated[
        str | None,
        Query(description="pictures: channels (1 or 3), height, width; by default 28×28 gray", examples=["3,32,32"]),
    ] = None,
    resize: Annotated[
        Resize,
        Query(description="pictures of another size: fit adds margins, fill crops, stretch changes the proportions"),
    ] = "fit",
    background: Annotated[
        Background, Query(description="pictures: the colour behind transparency and in margins")
    ] = "white",
    target: Annotated[
        str | None, Query(max_length=200, description="tables: the column to predict", examples=["price"])
    ] = None,
    encoding: Annotated[
        str | None,
        Query(
            max_length=100,
            description="text tables: Python's name of the encoding; detected by default",
            examples=["cp1251"],
        ),
    ] = None,
    task: Annotated[
        Task | None, Query(description="by default regression for numbers, classification for text and booleans")
    ] = None,
    types: Annotated[
        list[str], Query(description="tables: column:type, where type is number, category or ignore", max_length=1000)
    ] = [],  # noqa: B006
    classes: Annotated[
        str | None, Query(max_length=20_000, description="names of numbered labels, separated by commas")
    ] = None,
) -> ImportOptions:
    """The import options of the query. Raises Invalid."""
    return ImportOptions(
        shape=_shape(shape),
        resize=resize,
        background=background,
        target=target,
        encoding=_encoding(encoding),
        task=task,
        types=_types(types),
        classes=_classes(classes),
    )


def _shape(given: str | None) -> tuple[int, int, int] | None:
    if given is None:
        return None
    channels, height, width = (
        map(int, match.groups()) if (match := re.fullmatch(r"([13]),(\d{1,3}),(\d{1,3})", given)) else (0, 0, 0)
    )
    if not (channels and 1 <= height <= MOST_SIDE and 1 <= width <= MOST_SIDE):
        raise Invalid("shape_malformed", "shape", limit=MOST_SIDE)
    return channels, height, width


def _encoding(given: str | None) -> str | None:
    try:
        return None if given is None else text_encoding(given)
    except ImportFailed as error:
        raise Invalid.because(error, "encoding") from error


def _types(given: list[str]) -> dict[str, Kind]:
    pairs = [_type(one) for one in given]
    columns = [column for column, _ in pairs]
    for column in columns:
        if columns.count(column) > 1:
            raise Invalid("column_typed_twice", "types", column=column)
    return dict(pairs)


def _type(given: str) -> tuple[str, Kind]:
    column, _, kind = given.rpartition(":")
    if not column or kind not in KINDS:
        raise Invalid("type_malformed", "types", given=given[:100], types=KINDS)
    return column, kind


def _classes(given: str | None) -> tuple[str, ...]:
    names = tuple(name.strip() for name in given.split(",")) if given else ()
    if len(set(names)) < len(names) or "" in names:
        raise Invalid("class_names_repeat", "classes")
    return names
