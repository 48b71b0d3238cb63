"""Views of a dataset: a picture as numbers, class counts, statistics, test examples that are also in the training part,
labels that may be wrong, and maps."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Annotated

import numpy as np
from fastapi import Query, Response

from app.api.dataset_deps import (
    OF_EXAMPLES,
    ArraysDep,
    PictureDep,
    PictureIndex,
    SplitDep,
    Which,
    indices_of,
    pictures_of,
)
from app.api.deps import SLOW
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.dataset_views import (
    LISTED,
    DuplicatesAnswer,
    MapAnswer,
    MapMethod,
    MapPoint,
    PartAnswer,
    PictureAnswer,
    SplitAnswer,
    StatisticsAnswer,
    SuspectAnswer,
    SuspectsAnswer,
    TwinAnswer,
)
from app.api.schemas.datasets import ClassCount
from app.api.scopes import READ
from app.datasets.arrays import Arrays
from app.datasets.duplicates import duplicates
from app.datasets.maps import draw_map
from app.datasets.splits import Indices, Split
from app.datasets.statistics import brightness, column_statistics
from app.datasets.suspects import suspects
from app.errors import Invalid, NotFound
from app.plots.previews import means_png

router = Router(
    prefix="/datasets/{id}", tags=["datasets"], responses=problems(Invalid) | OF_EXAMPLES, dependencies=[READ]
)

ONE_AT_A_TIME = ThreadPoolExecutor(1, "duplicates")  # it takes seconds on all cores; others wait without a thread


@router.get("/images/{index}.json", summary="Get one picture as numbers")
def get_picture_numbers(arrays: ArraysDep, picture: PictureDep, index: PictureIndex) -> PictureAnswer:
    """The values of every pixel, with the label."""
    return PictureAnswer(
        index=index,
        label=arrays.classes[int(arrays.targets[index])],
        shape=list(arrays.shape),
        channels=["gray"] if arrays.shape[0] == 1 else ["red", "green", "blue"],
        pixels=picture.tolist(),
    )


@router.get("/split", summary="Count the examples of each class in each part")
def get_split(arrays: ArraysDep, split: SplitDep) -> SplitAnswer:
    """The default split, or that of a run."""
    parts = split()
    sizes = (_part(arrays, indices) for indices in (parts.train, parts.validation, parts.test))
    return SplitAnswer(**dict(zip(("train", "validation", "test"), sizes, strict=True)))


@router.get("/statistics", summary="Get statistics of the pixels or columns", dependencies=[SLOW])
def get_statistics(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> StatisticsAnswer:
    """For pictures the brightness, overall and by class; for a table each column's range, mean and histogram."""
    indices = indices_of(arrays, split, part)
    whole = _part(arrays, indices)
    if arrays.inputs.dtype != np.uint8:
        return StatisticsAnswer(**whole.model_dump(), **column_statistics(arrays, indices))
    shades = brightness(arrays, indices)
    return StatisticsAnswer(**whole.model_dump(), mean=shades.mean, std=shades.std, class_means=shades.of_classes)


@router.get("/means.png", summary="Draw mean images, overall and by class, and each pixel's standard deviation",
            response_class=Response, responses=binary("image/png"), dependencies=[SLOW])  # fmt: skip
def draw_means(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> Response:
    """Mean images of the first 100 classes. The standard deviation is drawn at twice its brightness."""
    pictures_of(arrays)
    return Response(means_png(arrays, indices_of(arrays, split, part)), media_type="image/png")


@router.get("/duplicates", summary="Find test examples that are also in the training part", dependencies=[SLOW])
async def find_duplicates(arrays: ArraysDep, split: SplitDep) -> DuplicatesAnswer:
    """Only one search runs at a time; others wait."""
    return await asyncio.get_running_loop().run_in_executor(ONE_AT_A_TIME, lambda: _duplicates(arrays, split()))


def _duplicates(arrays: Arrays, parts: Split) -> DuplicatesAnswer:
    search = duplicates(arrays, parts)
    items = [
        TwinAnswer(**asdict(twin), same_label=bool(arrays.targets[twin.test] == arrays.targets[twin.train]))
        for twin in search.twins[:LISTED]
    ]
    return DuplicatesAnswer(compared=search.compared, found=len(search.twins), items=items)


@router.get("/suspects", summary="Find labels that may be wrong", dependencies=[SLOW])
async def find_suspects(
    arrays: ArraysDep,
    limit: Annotated[int, Query(ge=1, le=LISTED, description="maximum number of examples")] = 50,
) -> SuspectsAnswer:
    """Examples whose nearest neighbours have other labels, the most doubtful first. Only one search runs at a time;
    others wait."""
    _refuse_without_classes(arrays)
    found = await asyncio.get_running_loop().run_in_executor(ONE_AT_A_TIME, suspects, arrays)
    items = [
        SuspectAnswer(
            index=suspect.index,
            label=arrays.classes[suspect.label],
            suggested=arrays.classes[suspect.suggested],
            agreeing=suspect.agreeing,
        )
        for suspect in found.items[:limit]
    ]
    return SuspectsAnswer(examined=found.examined, found=len(found.items), items=items)


@router.get("/map", summary="Place examples on a map, similar ones close to each other", dependencies=[SLOW])
async def get_map(
    arrays: ArraysDep,
    method: Annotated[
        MapMethod, Query(description="`pca`: the first two principal components; `tsne`: t-SNE, which takes seconds")
    ] = "pca",
) -> MapAnswer:
    """A sample of at most 1,000 examples (500 for t-SNE), each with a place within −1 to 1. Only one map is drawn at a
    time; others wait."""
    found = await asyncio.get_running_loop().run_in_executor(ONE_AT_A_TIME, draw_map, arrays, method)
    points = zip(found.indices.tolist(), found.points.tolist(), arrays.targets[found.indices].tolist(), strict=True)
    items = [
        MapPoint(index=index, x=x, y=y, label=arrays.classes[target] if arrays.classes else target)
        for index, (x, y), target in points
    ]
    return MapAnswer(method=method, items=items)


def _refuse_without_classes(arrays: Arrays) -> None:
    if not arrays.classes:
        raise NotFound("regression_without_classes")


def _part(arrays: Arrays, indices: Indices) -> PartAnswer:
    return PartAnswer(examples=len(indices), classes=[ClassCount(**count) for count in arrays.class_counts(indices)])
