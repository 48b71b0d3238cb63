"""A dataset as arrays, and its folder of files: `inputs.npy`, `targets.npy`, `meta.json`."""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

OWN_PARTS = ("train", "validation", "test")  # `Arrays.parts` holds indices into this


def file_names(has_parts: bool) -> tuple[str, ...]:
    """Names of the files in the folder of a dataset."""
    return ("inputs.npy", "targets.npy", *(("parts.npy",) if has_parts else ()), "meta.json")


class Store(Protocol):
    """A store of dataset files."""

    def create(self, name: str, /) -> AbstractContextManager[IO[bytes]]: ...
    def local(self, name: str, /) -> Path: ...
    def exists(self, name: str, /) -> bool: ...
    def size(self, name: str, /) -> int: ...


@dataclass(frozen=True)
class Arrays:
    """Checked examples.

    inputs: uint8 (N, C, H, W) for pictures, float32 (N, D) for tables, where NaN marks a missing value.
    targets: int64 (N,) indices into `classes`, or float32 (N,) for a regression.
    parts: uint8 (N,) indices into OWN_PARTS, if the upload assigns its examples to parts; otherwise None.
    """

    inputs: NDArray[np.uint8] | NDArray[np.float32]
    targets: NDArray[np.int64] | NDArray[np.float32]
    classes: tuple[str, ...] = ()
    feature_names: tuple[str, ...] = ()
    parts: NDArray[np.uint8] | None = None

    @property
    def task(self) -> Literal["classification", "regression"]:
        return "classification" if self.classes else "regression"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.inputs.shape[1:]

    def counts(self, indices: NDArray[np.int64] | slice = slice(None)) -> list[int]:
        """Number of examples of each class among those at `indices`; empty for a regression."""
        targets = self.targets[indices]
        return np.bincount(targets.astype(np.int64), minlength=len(self.classes)).tolist() if self.classes else []

    def class_counts(self, indices: NDArray[np.int64] | slice = slice(None)) -> list[dict[str, Any]]:
        """Index, label and count of each class among the examples at `indices`."""
        counted = enumerate(zip(self.classes, self.counts(indices), strict=True))
        return [{"index": index, "label": label, "count": count} for index, (label, count) in counted]

    @property
    def own_split(self) -> list[str]:
        """Names of the parts that the upload assigns examples to."""
        return [] if self.parts is None else [OWN_PARTS[index] for index in np.unique(self.parts)]

    def missing(self) -> int:
        """Number of missing values in the inputs."""
        if self.inputs.dtype == np.uint8:
            return 0
        return sum(int(np.isnan(some).sum()) for some in np.array_split(self.inputs, 1 + len(self.inputs) // 4096))

    def checksum(self) -> str:
        """SHA-256 over the values, their types and shapes, and the names."""
        digest = hashlib.sha256(json.dumps([self.classes, self.feature_names]).encode())
        for array in (self.inputs, self.targets, *(() if self.parts is None else (self.parts,))):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def about(self) -> dict[str, Any]:
        """Description of the dataset as JSON, stored so that readers need not open the arrays."""
        return {
            "task": self.task,
            "examples": len(self.targets),
            "shape": list(self.shape),
            "classes": self.class_counts(),
            "feature_names": list(self.feature_names),
            "own_split": self.own_split,
            "missing": self.missing(),
            "checksum": self.checksum(),
        }

    def save(self, store: Store, folder: str) -> None:
        """Write the files of the dataset's folder. `meta.json` comes last, so if it exists, all files do."""
        for name, array in (("inputs", self.inputs), ("targets", self.targets), ("parts", self.parts)):
            if array is not None:
                with store.create(f"{folder}/{name}.npy") as file:
                    np.save(file, array, allow_pickle=False)
        meta = {"classes": self.classes, "feature_names": self.feature_names, "has_parts": self.parts is not None}
        with store.create(f"{folder}/meta.json") as file:
            file.write(json.dumps(meta).encode())

    def are_in(self, store: Store, folder: str) -> bool:
        """True if all files of the folder exist."""
        return all(store.exists(f"{folder}/{name}") for name in file_names(self.parts is not None))

    def bytes_in(self, store: Store, folder: str) -> int:
        """Bytes of the folder's files, without the splits that runs have stored there."""
        return sum(store.size(f"{folder}/{name}") for name in file_names(self.parts is not None))

    def export(self, file: IO[bytes]) -> None:
        """Write `inputs`, `targets`, the names and own `parts` as one .npz, readable with `allow_pickle=False`."""
        own: dict[str, Any] = {} if self.parts is None else {"parts": self.parts}
        np.savez_compressed(
            file,
            **own,
            inputs=self.inputs,
            targets=self.targets,
            classes=np.asarray(self.classes, str),
            feature_names=np.asarray(self.feature_names, str),
        )

    @classmethod
    def load(cls, store: Store, folder: str) -> "Arrays":
        """Load a dataset from its folder. The arrays stay on disk, mapped into memory read-only."""

        def array(name: str) -> Any:
            return np.load(store.local(f"{folder}/{name}.npy"), mmap_mode="r", allow_pickle=False)

        meta = json.loads(store.local(f"{folder}/meta.json").read_text())
        parts = array("parts") if meta.get("has_parts") else None
        return cls(array("inputs"), array("targets"), tuple(meta["classes"]), tuple(meta["feature_names"]), parts)
