"""Conversion of a prediction's body to the network's inputs: pictures (raw or multipart), or JSON numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from fastapi import Request
from numpy.typing import NDArray
from starlette.datastructures import UploadFile

from app.api.client_connection import while_connected
from app.api.forms import FORM, check_boundary, media_type, refuse_disguised_form
from app.api.problems import no_such_part
from app.datasets.errors import NoPicture, TooManyPixels
from app.datasets.images.codec import Resize
from app.errors import Invalid, InvalidFields, UnsupportedMediaType
from app.learning.serialization import Trained
from app.messages import FieldError
from app.serving.decoding import Background, decode_cheap, inverted, refused
from app.serving.executor import INLINE_LIMITS, run_by_cost
from app.serving.instances import Column, instances
from app.serving.picture_decoders import PictureDecoders

Invert = Literal["false", "true", "auto"]


@dataclass(frozen=True)
class Conversion:
    """Conversions that a client allows for its pictures."""

    resize: Resize | None
    background: Background
    invert: Invert


@dataclass(frozen=True)
class Inputs:
    """Values (N, *input_shape), and for each input whether black and white were swapped."""

    values: NDArray[np.uint8] | NDArray[np.float32]
    inverted: list[bool]


async def read_inputs(
    request: Request, trained: Trained, conversion: Conversion, columns: Callable[[], Sequence[Column]]
) -> Inputs:
    """Read the body as inputs. `columns` looks up a table's columns; it may be slow.

    Raises Invalid, Malformed, TooLarge or UnsupportedMediaType; each message says how to correct the request.
    Raises NotReady if too many pictures wait, and ClientDisconnect.
    """
    kind = media_type(request)
    if kind == "application/json":
        body = await request.body()
        may_miss = bool(trained.prepare_inputs.fill)
        by_name = body.count(b"{") > 1
        numbers = await run_by_cost(
            lambda: instances(body, trained.input_shape, columns, may_miss),
            bytes=len(body),
            queries=int(by_name),
        )
        return Inputs(numbers, [False] * len(numbers))
    if len(trained.input_shape) != 3:
        raise UnsupportedMediaType("rows_expected")
    bodies = await _bodies(request, kind)
    arguments = bodies, trained.input_shape, conversion.resize, conversion.background
    decoders: PictureDecoders = request.app.state.decoders
    try:
        cheap = sum(map(len, bodies)) <= INLINE_LIMITS["bytes"]
        decoded = decode_cheap(*arguments) if cheap else None
    except TooManyPixels:
        decoded = None
    if decoded is None:
        decoded = await while_connected(request, decoders.decode(*arguments))
    pictures = _pictures(decoded, trained.input_shape)
    swaps = 0 if conversion.invert == "false" else pictures.size
    return await run_by_cost(lambda: invert(pictures, conversion.invert, trained.border), pixels=swaps)


async def _bodies(request: Request, kind: str) -> list[bytes]:
    if kind == FORM:
        check_boundary(request)
        async with request.form(max_files=256, max_fields=16) as form:
            files = [item for item in form.getlist("image") if isinstance(item, UploadFile)]
            if not files:
                raise no_such_part(form, "image", "a.png")
            return [await item.read() for item in files]
    if kind.startswith("image/") or kind == "application/octet-stream":
        body = await request.body()
        refuse_disguised_form(body, kind)
        return [body]
    raise UnsupportedMediaType("content_type_unknown", type=kind or "missing")


def _pictures(decoded: list[bytes | NoPicture], shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Pictures (N, C, H, W). Raises Invalid with a pointer to each bad one: `/image/1` is the second part
    `image`."""
    wrong = {place: item for place, item in enumerate(decoded) if isinstance(item, NoPicture)}
    if wrong and len(decoded) == 1:
        raise refused(wrong[0], shape)
    if wrong:
        refusals = {place: refused(error, shape) for place, error in wrong.items()}
        raise InvalidFields(
            [FieldError(f"/image/{place}", error.message, error.fix) for place, error in refusals.items()]
        )
    pixels = bytearray(b"".join(item for item in decoded if isinstance(item, bytes)))  # a writable array
    return np.frombuffer(pixels, np.uint8).reshape(-1, *shape)


def invert(pictures: NDArray[np.uint8], wanted: Invert, border: float | None) -> Inputs:
    """Swap black and white in place. `auto` does so if it brings a picture's border closer to that of the training."""
    match wanted:
        case "false":
            return Inputs(pictures, [False] * len(pictures))
        case "true":
            swapped = [True] * len(pictures)
        case "auto":
            if border is None:
                raise Invalid("border_unknown", "invert")
            swapped = [inverted(picture, border) for picture in pictures]
    pictures[swapped] = 255 - pictures[swapped]
    return Inputs(pictures, swapped)
