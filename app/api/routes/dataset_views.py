"""A closer look at a dataset: a picture as its numbers, how the classes lie, means, columns, and what the test part has
in common with the training part."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
from fastapi import APIRouter, Response

from app.api.dataset_deps import OF_EXAMPLES, ArraysDep, PictureDep, SplitDep, Which, indices_of, pictures_of
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

ONE_AT_A_TIME = ThreadPoolExecutor(1, "duplicates")  # it takes seconds of all cores; who waits holds no thread


@router.get("/images/{index}.json", summary="One picture as its numbers")
def image_numbers(arrays: ArraysDep, picture: PictureDep, index: int) -> PictureAnswer:
    return PictureAnswer(
        index=index,
        label=arrays.classes[int(arrays.targets[index])],
        shape=list(arrays.shape),
        channels=["gray"] if arrays.shape[0] == 1 else ["red", "green", "blue"],
        pixels=picture.tolist(),
    )


@router.get("/split", summary="How many examples of each class are in each part")
def split_sizes(arrays: ArraysDep, split: SplitDep) -> SplitAnswer:
    parts = split()
    sizes = (_part(arrays, indices) for indices in (parts.train, parts.validation, parts.test))
    return SplitAnswer(**dict(zip(("train", "validation", "test"), sizes, strict=True)))


@router.get("/statistics", summary="What the examples look like on the whole")
def statistics(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> StatisticsAnswer:
    indices = indices_of(arrays, split, part)
    whole = _part(arrays, indices)
    if arrays.inputs.dtype != np.uint8:
        return StatisticsAnswer(**whole.model_dump(), **column_statistics(arrays, indices))
    shades = brightness(arrays, indices)
    return StatisticsAnswer(**whole.model_dump(), mean=shades.mean, std=shades.std, class_means=shades.of_classes)


@router.get("/means.png", summary="The mean image of all, of each class, and each pixel's spread",
            response_class=Response, responses=binary("image/png"))  # fmt: skip
def means_picture(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> Response:
    """Mean images of the first hundred classes. The standard deviation is drawn at twice its brightness."""
    pictures_of(arrays)
    return Response(means_png(arrays, indices_of(arrays, split, part)), media_type="image/png")


@router.get("/duplicates", summary="Test examples that the training part has already")
async def find_duplicates(arrays: ArraysDep, split: SplitDep) -> DuplicatesAnswer:
    """One search at a time: others wait for their turn."""
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
