"""Dependencies of the routes below /datasets/{id}: the row, its arrays, a split, one picture."""

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from fastapi import Depends, Path, Query
from typing_extensions import TypeAliasType

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import problems
from app.datasets.arrays import Arrays
from app.datasets.splits import Indices, Split, SplitSpec, stored_split
from app.errors import Conflict, Invalid, NotFound
from app.runs.requests import SplitRequest
from app.runs.resolution import folder_of, resolved_split
from app.storage import datasets, runs
from app.storage.datasets import failure
from app.storage.tables import Dataset

OF_EXAMPLES = problems(NotFound, Conflict)  # Conflict while it is not ready
Part = TypeAliasType("Part", Literal["train", "validation", "test"])
AllOrPart = TypeAliasType("AllOrPart", Literal["all", "train", "validation", "test"])
DatasetId = Annotated[
    str,
    Path(description="a dataset's id, or its name for the newest version that is ready", examples=["notmnist"]),
]


def find_dataset(id: DatasetId, database: DatabaseDep) -> Dataset:
    with database.read() as db:
        return datasets.get(db, id)


DatasetDep = Annotated[Dataset, Depends(find_dataset, scope="function")]


def find_arrays(dataset: DatasetDep, files: FilesDep) -> Arrays:
    if dataset.folder is None:
        reason = failure(dataset) or dataset.error
        raise Conflict("dataset_unreadable", dataset=dataset.name, status=dataset.status, reason=reason)
    try:
        return Arrays.load(files, dataset.folder)
    except FileNotFoundError as error:
        raise NotFound("dataset_deleted", dataset=dataset.name) from error


ArraysDep = Annotated[Arrays, Depends(find_arrays, scope="function")]


def find_split(
    dataset: DatasetDep,
    arrays: ArraysDep,
    files: FilesDep,
    database: DatabaseDep,
    run: Annotated[str | None, Query(max_length=100, description="use this run's split, not the default one")] = None,
) -> Callable[[], Split]:
    """A function that computes the split: a route that needs none also works for a dataset that cannot be split."""
    if run is None:
        wanted = resolved_split(SplitRequest(), dataset)
    else:
        with database.read() as db:
            source = runs.get(db, run)
        if source.dataset != dataset.id:
            raise Invalid("run_of_other_dataset", "run", run=run, learns_from=source.dataset, dataset=dataset.id)
        wanted = SplitSpec.of(source.request["split"])
    return lambda: stored_split(files, folder_of(dataset), arrays, wanted, keep=False)


SplitDep = Annotated[Callable[[], Split], Depends(find_split, scope="function")]
Which = Annotated[AllOrPart, Query(description="the part of the split; `all` is every example")]


def indices_of(arrays: Arrays, split: Callable[[], Split], part: str) -> Indices:
    """Indices of the examples of a part, or of all examples."""
    if part == "all":
        return np.arange(len(arrays.targets))
    indices: Indices = getattr(split(), part)
    return indices


PictureIndex = Annotated[
    int, Path(ge=0, description="index of the example in the dataset, counted from 0", examples=[17])
]


def find_picture(arrays: ArraysDep, index: PictureIndex) -> np.ndarray:
    pictures = pictures_of(arrays)
    if not 0 <= index < len(pictures):
        raise NotFound("no_such_picture", pictures=len(pictures), last=len(pictures) - 1)
    picture: np.ndarray = pictures[index]
    return picture


PictureDep = Annotated[np.ndarray, Depends(find_picture, scope="function")]


def pictures_of(arrays: Arrays) -> np.ndarray:
    if len(arrays.shape) != 3:
        raise NotFound("table_without_pictures")
    return arrays.inputs
