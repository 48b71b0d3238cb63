"""Import options of an upload, from the query."""

import re
from typing import Annotated

from fastapi import Query
from pydantic import Field
from typing_extensions import TypeAliasType

from app.datasets.errors import ImportFailed
from app.datasets.formats.class_labels import MOST_SIDE
from app.datasets.images import picture_format
from app.datasets.images.picture_format import DEPTHS, Crop, Resize
from app.datasets.import_options import Header, ImportOptions, Kind, Task, text_encoding
from app.errors import Invalid

MOST_LEVELS, MOST_SKIPPED = 100, 10_000
SIDE = r"([1-9]\d?|1\d\d|2[01]\d|22[0-4])"  # 1 to MOST_SIDE, for the OpenAPI document
KINDS: tuple[Kind, ...] = ("number", "category", "date", "ignore")
Background = TypeAliasType("Background", picture_format.Background)
TypedColumn = Annotated[str, Field(json_schema_extra={"pattern": rf"^[^\u0000]+:({'|'.join(KINDS)})$"})]


def reading(
    shape: Annotated[
        str | None,
        Query(
            description="pictures: channels (1 or 3), height, width; by default 28×28 gray; tables: the columns "
            "are the pixels of such pictures",
            examples=["3,32,32"],
            json_schema_extra={"pattern": rf"^[13],{SIDE},{SIDE}$"},
        ),
    ] = None,
    resize: Annotated[
        Resize,
        Query(description="pictures of another size: fit adds margins, fill crops, stretch changes the proportions"),
    ] = "fit",
    background: Annotated[
        Background, Query(description="pictures: the colour behind transparency and in margins")
    ] = "white",
    crop: Annotated[
        Crop | None,
        Query(description="pictures: ink cuts photos of drawings to what stands out from the ground", examples=["ink"]),
    ] = None,
    depth: Annotated[
        int,
        Query(
            ge=DEPTHS[0],
            le=DEPTHS[-1],
            description="16-bit pictures: the bits that they use; 12 makes 4,095 white",
            examples=[12],
        ),
    ] = 16,
    classes_from: Annotated[
        int,
        Query(
            ge=-MOST_LEVELS,
            le=MOST_LEVELS,
            json_schema_extra={"not": {"const": 0}},
            description="archives: the level of the folders that are the classes; 1 is the outermost, -1 the one that "
            "directly holds the pictures",
            examples=[-2],
        ),
    ] = -1,
    target: Annotated[
        str | None,
        Query(
            max_length=200,
            description="tables: the column to predict: its name, `first`, `last`, or its place, counted from 1",
            examples=["price"],
        ),
    ] = None,
    header: Annotated[
        Header,
        Query(description="text tables: whether the first line names the columns; detected by default"),
    ] = "auto",
    skip: Annotated[
        int, Query(ge=0, le=MOST_SKIPPED, description="text tables: number of lines above the table", examples=[1])
    ] = 0,
    encoding: Annotated[
        str | None,
        Query(
            max_length=100,
            description="Python's name of the encoding of a text table, or of the names in an archive; detected by "
            "default",
            examples=["cp1251"],
        ),
    ] = None,
    task: Annotated[
        Task | None, Query(description="by default regression for numbers, classification for text and booleans")
    ] = None,
    types: Annotated[
        list[Annotated[str, Query(json_schema_extra={"pattern": rf"^[^\u0000]+:({'|'.join(KINDS)})$"})]],
        Query(description="tables: column:type, where type is number, category, date or ignore", max_length=1000),
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
        crop=crop,
        depth=depth,
        classes_from=_level(classes_from),
        header=header,
        skip=skip,
        target=target,
        encoding=_encoding(encoding),
        task=task,
        types=_types(types),
        classes=_classes(classes),
    )


def _level(given: int) -> int:
    if given == 0:
        raise Invalid("level_is_zero", "classes_from")
    return given


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
