"""IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): a magic number, the sizes, the bytes."""

import gzip
import math

import numpy as np
from numpy.typing import NDArray

from app.datasets.errors import ImportFailed

UNSIGNED_BYTES = 0x08


def read_idx(data: bytes) -> NDArray[np.uint8]:
    """An array of unsigned bytes from an IDX file, gzipped or not. Raises ImportFailed."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != UNSIGNED_BYTES:
        raise ImportFailed("not an IDX file of unsigned bytes: it would begin with 00 00 08")
    dimensions = data[3]
    body = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(data[4:body], ">u4").tolist())
    if len(shape) != dimensions or len(data) - body != math.prod(shape):
        raise ImportFailed(f"the IDX header promises the shape {shape}, the file holds {len(data) - body} bytes")
    return np.frombuffer(data, np.uint8, offset=body).reshape(shape)
