"""A dataset as arrays, and its folder on disk: `inputs.npy`, `targets.npy`, `meta.json`."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Arrays:
    """Checked examples.

    inputs: uint8 (N, 1, 28, 28) for pictures, float32 (N, D) for tables.
    targets: int64 (N,) indices into `classes`, or float32 (N,) where there are no classes.
    """

    inputs: NDArray[np.uint8] | NDArray[np.float32]
    targets: NDArray[np.int64] | NDArray[np.float32]
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()

    @property
    def task(self) -> Literal["classification", "regression"]:
        return "classification" if self.classes else "regression"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        return self.inputs.shape[1:]

    @property
    def outputs(self) -> int:
        """How many numbers a network for it has to give."""
        return len(self.classes) or 1

    def counts(self) -> list[int]:
        """Examples a class."""
        return np.bincount(self.targets.astype(np.int64), minlength=len(self.classes)).tolist() if self.classes else []

    def checksum(self) -> str:
        """SHA-256 over the values, their types and shapes, and the names."""
        digest = hashlib.sha256(json.dumps([self.classes, self.feature_names]).encode())
        for array in (self.inputs, self.targets):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def files(self) -> dict[str, bytes]:
        """The files of its folder."""
        meta = {"classes": self.classes, "feature_names": self.feature_names}
        return {
            "inputs.npy": _npy(self.inputs),
            "targets.npy": _npy(self.targets),
            "meta.json": json.dumps(meta).encode(),
        }

    def npz(self) -> bytes:
        """`inputs`, `targets` and the names as one .npz, readable with `allow_pickle=False`."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            inputs=self.inputs,
            targets=self.targets,
            classes=np.asarray(self.classes, str),
            feature_names=np.asarray(self.feature_names, str),
        )
        return file.getvalue()

    @classmethod
    def load(cls, folder: Path) -> "Arrays":
        """From its folder; the arrays stay on disk, mapped (copy-on-write) into memory."""
        inputs, targets = (
            np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in ("inputs", "targets")
        )
        meta = json.loads((folder / "meta.json").read_text())
        return cls(inputs, targets, tuple(meta["classes"]), tuple(meta["feature_names"]))


def _npy(array: NDArray[np.generic]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
