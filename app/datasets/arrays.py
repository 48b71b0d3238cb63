"""A dataset as arrays, and its folder of files: `inputs.npy`, `targets.npy`, `meta.json`."""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class Store(Protocol):
    """Where the files of datasets lie."""

    def create(self, name: str, /) -> AbstractContextManager[IO[bytes]]: ...
    def local(self, name: str, /) -> Path: ...


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

    def about(self) -> dict[str, Any]:
        """What there is to know of a dataset without opening it."""
        return {
            "task": self.task,
            "examples": len(self.targets),
            "shape": list(self.shape),
            "classes": [
                {"index": index, "label": label, "count": count}
                for index, (label, count) in enumerate(zip(self.classes, self.counts(), strict=True))
            ],
            "feature_names": list(self.feature_names),
            "checksum": self.checksum(),
        }

    def save(self, store: Store, folder: str) -> None:
        """Write the files of its folder. `meta.json` comes last: with it all are there."""
        for name, array in (("inputs", self.inputs), ("targets", self.targets)):
            with store.create(f"{folder}/{name}.npy") as file:
                np.save(file, array, allow_pickle=False)
        with store.create(f"{folder}/meta.json") as file:
            file.write(json.dumps({"classes": self.classes, "feature_names": self.feature_names}).encode())

    def export(self, file: IO[bytes]) -> None:
        """Write `inputs`, `targets` and the names as one .npz, readable with `allow_pickle=False`."""
        np.savez_compressed(
            file,
            inputs=self.inputs,
            targets=self.targets,
            classes=np.asarray(self.classes, str),
            feature_names=np.asarray(self.feature_names, str),
        )

    @classmethod
    def load(cls, store: Store, folder: str) -> "Arrays":
        """From its folder; the arrays stay on disk, mapped (copy-on-write) into memory."""
        inputs, targets = (
            np.load(store.local(f"{folder}/{name}.npy"), mmap_mode="c", allow_pickle=False)
            for name in ("inputs", "targets")
        )
        meta = json.loads(store.local(f"{folder}/meta.json").read_text())
        return cls(inputs, targets, tuple(meta["classes"]), tuple(meta["feature_names"]))
