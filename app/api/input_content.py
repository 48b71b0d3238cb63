"""Stored inputs of predictions, to be shown: a picture as a data: address, a row as numbers."""

import base64

from app.plots.previews import image_png
from app.storage.packed_inputs import unpack


def picture_of(content: bytes) -> str | None:
    """The picture as a data: address; None for a row."""
    values = unpack(content)
    if values.ndim != 3:
        return None
    png = image_png(values.clip(0, 255).astype("uint8"))
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def row_of(content: bytes) -> list[float] | None:
    """The numbers of a row; None for a picture."""
    values = unpack(content)
    return None if values.ndim == 3 else [float(value) for value in values]
