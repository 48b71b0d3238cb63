"""Tensors of the Open Inference Protocol, as JSON or as bytes behind it.

https://github.com/kserve/open-inference-protocol,
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import struct
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.errors import Invalid
from app.learning.serialization import Trained
from app.serving.scores import Row, Scores

MOST = 10_000  # inputs of one request
INPUT, PROBABILITIES, LABEL, VALUE = "input", "probabilities", "label", "value"
DATATYPES = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
NAMES = {np.dtype(code): name for name, code in DATATYPES.items()} | {np.dtype(object): "BYTES"}
Tensor = NDArray[Any]


def refuse_other_shape(shape: Sequence[int], trained: Trained, pointer: str) -> None:
    """Raise Invalid unless a tensor of this shape has inputs of the network: before its numbers are read, since any
    numbers may stand in a shape."""
    if tuple(shape[1:]) != trained.input_shape or not 1 <= shape[0] <= MOST:
        wanted = list(trained.input_shape)
        raise Invalid("tensor_shape", f"{pointer}/shape", given=list(shape), shape=wanted, limit=MOST)


def read_tensor(datatype: str, shape: Sequence[int], data: list[Any] | bytes, pointer: str) -> Tensor:
    """A tensor from JSON, flat or nested, or from bytes in the order of rows. Raises Invalid at the pointer."""
    if datatype not in DATATYPES:
        raise Invalid("tensor_datatype", f"{pointer}/datatype", datatype=datatype[:100], datatypes=list(DATATYPES))
    kind, wanted = np.dtype(DATATYPES[datatype]), prod(shape)
    if isinstance(data, bytes):
        if len(data) != wanted * kind.itemsize:
            raise Invalid("tensor_bytes", f"{pointer}/parameters/binary_data_size", shape=list(shape),
                          datatype=datatype, bytes=wanted * kind.itemsize, given=len(data))  # fmt: skip
        return np.frombuffer(data, kind).reshape(shape)
    numbers = list(_flat(data, len(shape), pointer))
    if len(numbers) != wanted:
        raise Invalid("tensor_size", f"{pointer}/data", shape=list(shape), wanted=wanted, given=len(numbers))
    if not {int, float, bool}.issuperset(map(type, numbers)):
        raise Invalid("tensor_not_numbers", f"{pointer}/data")
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            return np.array(numbers, kind).reshape(shape)
    except (OverflowError, ValueError) as error:
        raise Invalid("tensor_out_of_range", f"{pointer}/data", datatype=datatype) from error


def _flat(data: list[Any], depth: int, pointer: str) -> Iterator[Any]:
    """The items of lists that are nested at most `depth` deep. Raises Invalid."""
    if depth == 0:
        raise Invalid("tensor_not_numbers", f"{pointer}/data")
    for item in data:
        if isinstance(item, list):
            yield from _flat(item, depth - 1, pointer)
        else:
            yield item


def as_inputs(tensor: Tensor, trained: Trained, pointer: str) -> Tensor:
    """Inputs (n, *input_shape) of a network: pictures of bytes as they are, all else as float32. Raises Invalid for
    numbers that are not finite."""
    if tensor.dtype == np.uint8 and len(trained.input_shape) == 3:
        return tensor.copy()  # writable, as PyTorch wants it
    with np.errstate(over="ignore"):
        numbers = tensor.astype(np.float32)
    sound = ~np.isinf(numbers) if trained.prepare_inputs.fill else np.isfinite(numbers)
    if not sound.all():
        raise Invalid("instance_not_finite", pointer)
    return numbers


def outputs_of(rows: Sequence[Row], trained: Trained) -> dict[str, Tensor]:
    """The outputs by name: `probabilities` (n, classes) and `label` (n,), or `value` (n,)."""
    if trained.task == "regression":
        return {VALUE: np.array(rows, np.float32)}
    probabilities = np.empty((len(rows), len(trained.classes)), np.float32)
    labels = np.empty(len(rows), object)
    for place, row in enumerate(rows):
        assert isinstance(row, Scores)
        probabilities[place, row.order] = row.chances
        labels[place] = trained.classes[row.label].encode()
    return {PROBABILITIES: probabilities, LABEL: labels}


def as_bytes(tensor: Tensor) -> bytes:
    """The tensor's content in the order of rows; a text is preceded by its length in four bytes."""
    if tensor.dtype == object:
        return b"".join(struct.pack("<I", len(text)) + text for text in tensor)
    return tensor.tobytes()


def as_list(tensor: Tensor) -> list[Any]:
    """The tensor's content in the order of rows, for JSON."""
    return [text.decode() for text in tensor] if tensor.dtype == object else tensor.ravel().tolist()
