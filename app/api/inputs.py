"""The body of a prediction as a network's inputs: pictures (raw or multipart), or JSON numbers."""

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from starlette.datastructures import UploadFile

from app.errors import FieldError, Invalid, Malformed, UnsupportedMediaType
from app.learning.export import Trained
from app.serving.images import Background, decode, inverted

Invert = Literal["false", "true", "auto"]


@dataclass(frozen=True)
class Conversion:
    """What a client allows to be done to its pictures."""

    fit: bool
    background: Background
    invert: Invert


@dataclass(frozen=True)
class Inputs:
    """Values (N, *input_shape), and for each whether black and white were swapped."""

    values: NDArray[np.uint8] | NDArray[np.float32]
    inverted: list[bool]


async def read_inputs(request: Request, trained: Trained, conversion: Conversion) -> Inputs:
    """Raises Invalid, Malformed or UnsupportedMediaType, each with what would be right."""
    kind = request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        numbers = instances(await request.body(), trained.input_shape)
        return Inputs(numbers, [False] * len(numbers))
    if len(trained.input_shape) != 3:
        raise UnsupportedMediaType('this run predicts from rows: send JSON {"instances": [[…]]} as application/json')
    if kind == "multipart/form-data":
        async with request.form(max_files=256, max_fields=16) as form:
            files = [item for item in form.getlist("image") if isinstance(item, UploadFile)]
            bodies = [await item.read() for item in files]
        if not bodies:
            raise Invalid("no part is called image; send one with curl -F image=@a.png")
    elif kind.startswith("image/") or kind == "application/octet-stream":
        bodies = [await request.body()]
    else:
        raise UnsupportedMediaType(
            f"the Content-Type is {kind or 'missing'}; for a picture as the raw body add -H 'Content-Type: image/png'"
        )
    pictures = np.stack([decode(body, trained.input_shape, conversion.fit, conversion.background) for body in bodies])
    return invert(pictures, conversion.invert, trained.border)


def invert(pictures: NDArray[np.uint8], wanted: Invert, border: float | None) -> Inputs:
    """Swap black and white, in place; `auto` does it where it brings a picture's border nearer to the training's."""
    match wanted:
        case "false":
            swapped = [False] * len(pictures)
        case "true":
            swapped = [True] * len(pictures)
        case "auto":
            if border is None:
                raise Invalid(
                    "these weights do not say how bright the training pictures were; give invert=true or false"
                )
            swapped = [inverted(picture, border) for picture in pictures]
    pictures[swapped] = 255 - pictures[swapped]
    return Inputs(pictures, swapped)


def instances(body: bytes, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """JSON numbers as float32 (N, *shape): each instance flat or nested."""
    size = int(np.prod(shape))
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict) or set(found) != {"instances"} or not isinstance(found["instances"], list):
        raise Invalid('the body is {"instances": [[…], …]}')
    rows = []
    for index, instance in enumerate(found["instances"]):
        pointer = f"/instances/{index}"
        try:
            row = np.asarray(instance, np.float32).reshape(-1)
        except (ValueError, TypeError, OverflowError) as error:
            raise _wrong(pointer, f"give {size} numbers, flat or nested as {list(shape)}") from error
        if row.size != size:
            raise _wrong(pointer, f"has {row.size} numbers; the run takes {size}, flat or nested as {list(shape)}")
        if not np.isfinite(row).all():
            raise _wrong(pointer, "holds NaN or ∞; give finite numbers")
        rows.append(row.reshape(shape))
    if not 1 <= len(rows) <= 10_000:
        raise _wrong("/instances", "give 1 to 10,000 instances")
    return np.stack(rows)


def _wrong(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}", [FieldError(pointer, detail)])
