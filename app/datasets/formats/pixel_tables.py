"""Tables of pixels: a label and a column for each pixel, as teaching datasets are often shared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import Column
from app.datasets.formats.table_remarks import WHITE
from app.messages import Message

DARK = 32  # the greatest pixel of pictures that are nearly black


def check_pixels(inputs: list[Column], shape: tuple[int, int, int]) -> None:
    """Raise ImportFailed unless the columns are the pixels of pictures: channel by channel, row by row."""
    channels, height, width = shape
    if len(inputs) != channels * height * width:
        sizes = {"columns": len(inputs), "shape": shape, "pixels": channels * height * width}
        raise ImportFailed("pixel_columns_differ", **sizes, arrays=False)
    for column in inputs:
        wrong = _wrong(column)
        if wrong is not None:
            raise ImportFailed("pixel_column_wrong", column=column.name, value=wrong)


def _wrong(column: Column) -> str | None:
    """A value of the column that is no pixel; None if all are whole numbers from 0 to 255."""
    if column.missing:
        return "a missing value"
    if column.not_a_number is not None:
        return repr(column.not_a_number)
    if not column.whole:
        return "fractions"
    if column.least < 0 or column.greatest > WHITE:
        return f"{column.least if column.least < 0 else column.greatest:g}"
    return None


def darkness(pictures: NDArray[Any]) -> list[Message]:
    """A remark if the pictures are nearly black because their numbers have another range."""
    greatest = max((int(piece.max()) for piece in np.array_split(pictures, 1 + len(pictures) // 4096)), default=WHITE)
    return [Message.of("pixels_use_few_values", greatest=greatest)] if 0 < greatest <= DARK else []
