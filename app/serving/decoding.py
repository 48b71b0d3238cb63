"""Decoding of a prediction's body: bytes to an array of inputs, pictures in the format of the training data."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from app.datasets.errors import NoPicture, TooManyPixels, WrongSize
from app.datasets.images import codec
from app.datasets.images.picture_format import PictureFormat
from app.datasets.images.png import one_plain
from app.errors import Invalid, InvalidFields
from app.learning.preprocessing import border
from app.learning.serialization import Trained
from app.messages import Fix
from app.serving.executor import INLINE_LIMITS, is_cheap, run_by_cost, run_in_thread
from app.serving.file_inputs import is_array, pictures_of, read_array, rows_of
from app.serving.instances import Columns, in_shape, instances
from app.serving.picture_decoders import PictureDecoders

Invert = Literal["false", "true", "auto"]


class Conversion(NamedTuple):
    """Conversions that a client allows for its pictures."""

    wanted: PictureFormat
    invert: Invert


class Inputs(NamedTuple):
    """Values (N, *input_shape), and for each input whether black and white were swapped."""

    values: NDArray[np.uint8] | NDArray[np.float32]
    inverted: list[bool]
    names: list[str] | None = None  # of the pictures in an archive


async def decode_numbers(body: bytes, trained: Trained, columns: Callable[[], Columns]) -> Inputs:
    """Inputs from JSON. `columns` looks up a table's columns; it may be slow. Raises Malformed and Invalid."""
    may_miss = bool(trained.prepare_inputs.fill)
    by_name = body.count(b"{") > 1
    numbers = await run_by_cost(
        lambda: instances(body, trained.input_shape, columns, may_miss), bytes=len(body), queries=int(by_name)
    )
    return Inputs(numbers, [False] * len(numbers))


async def decode_table(body: bytes, trained: Trained, columns: Callable[[], Columns]) -> Inputs:
    """Inputs from the rows of a CSV file. Raises Invalid and TooLarge."""
    if len(trained.input_shape) != 1:
        raise Invalid("pictures_expected", "")

    def work() -> NDArray[np.float32]:
        known = columns()
        rows = rows_of(body, known)
        may_miss = bool(trained.prepare_inputs.fill)
        return in_shape(rows.values, trained.input_shape, lambda: known, may_miss, rows.place)

    values = await run_in_thread(work)
    return Inputs(values, [False] * len(values))


async def decode_file(body: bytes, trained: Trained, wanted: Conversion, decoders: PictureDecoders) -> Inputs:
    """Inputs from arrays or from an archive of pictures. Raises Invalid, TooLarge and NotReady."""
    shape, may_miss = trained.input_shape, bool(trained.prepare_inputs.fill)
    if await run_in_thread(lambda: is_array(body)):
        values = await run_in_thread(lambda: read_array(body, shape, may_miss))
        return Inputs(values, [False] * len(values))
    if len(shape) != 3:
        raise Invalid("rows_expected_in_file", "")
    pictures = await run_in_thread(lambda: pictures_of(body))
    pointers = [f"/{name}" for name in pictures]
    inputs = await decode_elsewhere(decoders, list(pictures.values()), pointers, wanted, trained.border)
    return inputs._replace(names=list(pictures))


def decode_at_once(
    pictures: Sequence[bytes], pointers: Sequence[str], wanted: Conversion, edge: float | None
) -> Inputs | None:
    """Inputs from pictures that are cheap to decode; None if they are not. Raises Invalid: see `picture_inputs`."""
    conversion = wanted.wanted
    if len(pictures) == 1 and wanted.invert == "false" and (pixels := one_plain(pictures[0], conversion.shape)):
        return Inputs(np.frombuffer(bytearray(pixels), np.uint8).reshape(1, *conversion.shape), [False])
    if conversion.margin is not None or not is_cheap(bytes=sum(map(len, pictures))):
        return None
    most = INLINE_LIMITS["pixels"] // len(pictures)
    try:
        decoded = [_decoded(picture, conversion, most) for picture in pictures]
    except TooManyPixels:
        return None
    return picture_inputs(decoded, pointers, wanted, edge)


async def decode_elsewhere(
    decoders: PictureDecoders,
    pictures: Sequence[bytes],
    pointers: Sequence[str],
    wanted: Conversion,
    edge: float | None,
) -> Inputs:
    """Inputs from pictures that are not cheap to decode. Raises Invalid, TooLarge and NotReady."""
    decoded = await decoders.decode(pictures, wanted.wanted)
    swaps = 0 if wanted.invert == "false" else len(pictures) * wanted.wanted.bytes
    return await run_by_cost(lambda: picture_inputs(decoded, pointers, wanted, edge), pixels=swaps)


def _decoded(data: bytes, wanted: PictureFormat, most: int) -> bytes | NoPicture:
    """Pixels (C, H, W), or the refusal, exactly as for a dataset. Raises TooManyPixels."""
    try:
        return codec.decode(data, wanted, most).pixels
    except TooManyPixels:
        raise
    except NoPicture as error:
        return error


def picture_inputs(
    decoded: Sequence[bytes | NoPicture], pointers: Sequence[str], wanted: Conversion, edge: float | None
) -> Inputs:
    """Inputs from decoded pictures. `edge` is the brightness of the training pictures' borders, if it is known.

    Raises Invalid with the pointer of each picture that could not be decoded.
    """
    shape = wanted.wanted.shape
    refusals = [
        _refusal(item, shape, pointer)
        for item, pointer in zip(decoded, pointers, strict=True)
        if isinstance(item, NoPicture)
    ]
    if len(decoded) == 1 and refusals:
        raise refusals[0]
    if refusals:
        raise InvalidFields([field for refusal in refusals for field in refusal.errors])
    pixels = bytearray(b"".join(item for item in decoded if isinstance(item, bytes)))  # a writable array
    return _inverted(np.frombuffer(pixels, np.uint8).reshape(-1, *shape), wanted.invert, edge)


def _refusal(error: NoPicture, shape: tuple[int, ...], pointer: str) -> Invalid:
    if isinstance(error, WrongSize):
        height, width = shape[1:]
        wanted = {"wanted_width": width, "wanted_height": height}
        return Invalid("picture_size_differs", pointer, Fix("fit", True), **error.message.params, **wanted)
    return Invalid.because(error, pointer)


def _inverted(pictures: NDArray[np.uint8], wanted: Invert, edge: float | None) -> Inputs:
    """Swap black and white in place. `auto` does so if it brings a picture's border closer to that of the training."""
    match wanted:
        case "false":
            return Inputs(pictures, [False] * len(pictures))
        case "true":
            swapped = [True] * len(pictures)
        case "auto":
            if edge is None:
                raise Invalid("border_unknown", "invert")
            swapped = [_is_negative(picture, edge) for picture in pictures]
    pictures[swapped] = 255 - pictures[swapped]
    return Inputs(pictures, swapped)


def _is_negative(picture: NDArray[np.uint8], edge: float) -> bool:
    """True if a (1, H, W) picture looks like the negative of the training pictures, judged by its border."""
    own = float(border(torch.from_numpy(picture)[None]))
    return abs(255 - own - edge) < abs(own - edge)
