"""Pictures with numeric labels, as IDX and .npz."""

import io
import struct
from typing import Any

import numpy as np

CHANCE = np.random.default_rng(0)


PICTURES = CHANCE.integers(0, 256, (30, 20, 24), dtype=np.uint8)


LABELS = np.arange(30, dtype=np.uint8) % 3


def idx(array: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


WHOLE = {"images": idx(PICTURES), "labels": idx(LABELS)}
