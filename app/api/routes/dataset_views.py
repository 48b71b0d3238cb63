"""Views of a dataset: a picture as numbers, class counts, statistics, and test examples that are also in the training
part."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
from fastapi import APIRouter, Response

from app.api.dataset_deps import OF_EXAMPLES, ArraysDep, PictureDep, SplitDep, Which, indices_of, pictures_of
from app.api.deps import SLOW
from app.api.problems import binary, problems
from app.api.schemas.dataset_views import (
    LISTED,
    DuplicatesAnswer,
    PartAnswer,
    PictureAnswer,
    SplitAnswer,
    StatisticsAnswer,
    TwinAnswer,
)
from app.api.schemas.datasets import ClassCount
from app.datasets.arrays import Arrays
from app.datasets.duplicates import duplicates
from app.datasets.splits import Indices, Split
from app.datasets.statistics import brightness, column_statistics
from app.errors import Invalid
from app.plots.previews import means_png

router = APIRouter(prefix="/datasets/{id}", tags=["datasets"], responses=problems(Invalid) | OF_EXAMPLES)

ONE_AT_A_TIME = ThreadPoolExecutor(1, "duplicates")  # it takes seconds on all cores; others wait without a thread


@router.get("/images/{index}.json", summary="Get one picture as numbers")
def image_numbers(arrays: ArraysDep, picture: PictureDep, index: int) -> PictureAnswer:
    return PictureAnswer(
        index=index,
        label=arrays.classes[int(arrays.targets[index])],
        shape=list(arrays.shape),
        channels=["gray"] if arrays.shape[0] == 1 else ["red", "green", "blue"],
        pixels=picture.tolist(),
    )


@router.get("/split", summary="Count the examples of each class in each part")
def split_sizes(arrays: ArraysDep, split: SplitDep) -> SplitAnswer:
    parts = split()
    sizes = (_part(arrays, indices) for indices in (parts.train, parts.validation, parts.test))
    return SplitAnswer(**dict(zip(("train", "validation", "test"), sizes, strict=True)))


@router.get("/statistics", summary="Get statistics of the pixels or columns", dependencies=[SLOW])
def statistics(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> StatisticsAnswer:
    indices = indices_of(arrays, split, part)
    whole = _part(arrays, indices)
    if arrays.inputs.dtype != np.uint8:
        return StatisticsAnswer(**whole.model_dump(), **column_statistics(arrays, indices))
    shades = brightness(arrays, indices)
    return StatisticsAnswer(**whole.model_dump(), mean=shades.mean, std=shades.std, class_means=shades.of_classes)


@router.get("/means.png", summary="Draw mean images, overall and by class, and each pixel's standard deviation",
            response_class=Response, responses=binary("image/png"), dependencies=[SLOW])  # fmt: skip
def means_picture(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> Response:
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


def _part(arrays: Arrays, indices: Indices) -> PartAnswer:
    return PartAnswer(examples=len(indices), classes=[ClassCount(**count) for count in arrays.class_counts(indices)])
