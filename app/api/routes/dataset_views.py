"""A closer look at a dataset: a picture as its numbers, how the classes lie, means, columns, and what the test part has
in common with the training part."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from app.api.problems import binary, problems
from app.api.routes.datasets import OF_EXAMPLES, ArraysDep, PictureDep, SplitDep, Which, indices_of, pictures_of
from app.api.schemas.answers import ClassCount
from app.datasets.arrays import Arrays
from app.datasets.duplicates import NEAR, duplicates
from app.datasets.splits import Indices, Split
from app.datasets.statistics import brightness, column_statistics
from app.errors import Invalid
from app.plots.previews import means_png

router = APIRouter(prefix="/datasets/{id}", tags=["datasets"], responses=problems(Invalid) | OF_EXAMPLES)

LISTED = 100
ONE_AT_A_TIME = ThreadPoolExecutor(1, "duplicates")  # it takes seconds of all cores; who waits holds no thread


class PictureAnswer(BaseModel):
    """How a picture lies in memory: its numbers, row by row, for each channel."""

    index: int
    label: str = Field(examples=["A"])
    shape: list[int] = Field(description="channels, height, width", examples=[[1, 28, 28]])
    channels: list[str] = Field(description="what the planes are", examples=[["gray"]])
    black: int = Field(0, description="the number that is black")
    white: int = Field(255, description="the number that is white, or all of a colour")
    pixels: list[list[list[int]]]


@router.get("/images/{index}.json", summary="One picture as its numbers")
def image_numbers(arrays: ArraysDep, picture: PictureDep, index: int) -> PictureAnswer:
    return PictureAnswer(
        index=index,
        label=arrays.classes[int(arrays.targets[index])],
        shape=list(arrays.shape),
        channels=["gray"] if arrays.shape[0] == 1 else ["red", "green", "blue"],
        pixels=picture.tolist(),
    )


class PartAnswer(BaseModel):
    examples: int = Field(examples=[6400])
    classes: list[ClassCount]


class SplitAnswer(BaseModel):
    train: PartAnswer
    validation: PartAnswer
    test: PartAnswer


@router.get("/split", summary="How many examples of each class are in each part")
def split_sizes(arrays: ArraysDep, split: SplitDep) -> SplitAnswer:
    parts = split()
    found = (_part(arrays, indices) for indices in (parts.train, parts.validation, parts.test))
    return SplitAnswer(**dict(zip(("train", "validation", "test"), found, strict=True)))


class StatisticsAnswer(BaseModel):
    """Pictures have mean and spread, tables columns; what the dataset is not is null."""

    examples: int
    classes: list[ClassCount]
    mean: float | None = Field(None, description="of all pixels, 0 to 255")
    std: float | None = None
    class_means: dict[str, float] | None = Field(None, description="how bright each class is; see means.png")
    rows: int | None = Field(None, description="of a table that were looked at: of a very large one some are drawn")
    columns: list[dict[str, Any]] | None = Field(None, description="each with range, mean, spread and a histogram")
    target: dict[str, Any] | None = Field(None, description="the same of a regression's target")
    correlations: list[list[float | None]] | None = Field(
        None, description="Pearson's r of columns with columns; null for a constant one, and for over 100 columns"
    )


@router.get("/statistics", summary="What the examples look like on the whole")
def statistics(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> StatisticsAnswer:
    indices = indices_of(arrays, split, part)
    whole = _part(arrays, indices)
    if arrays.inputs.dtype != np.uint8:
        return StatisticsAnswer(**whole.model_dump(), **column_statistics(arrays, indices))
    found = brightness(arrays, indices)
    return StatisticsAnswer(**whole.model_dump(), mean=found.mean, std=found.std, class_means=found.of_classes)


@router.get("/means.png", summary="The mean image of all, of each class, and each pixel's spread",
            response_class=Response, responses=binary("image/png"))  # fmt: skip
def means_picture(arrays: ArraysDep, split: SplitDep, part: Which = "all") -> Response:
    """Of the first hundred classes. The spread is drawn twice as bright as it is."""
    pictures_of(arrays)
    return Response(means_png(arrays, indices_of(arrays, split, part)), media_type="image/png")


class TwinAnswer(BaseModel):
    test: int = Field(description="index of the test example", examples=[17])
    train: int = Field(description="index of the training example next to it", examples=[4031])
    distance: float = Field(description="root mean square of the pixels' differences, of 255", examples=[3.2])
    same_label: bool


class DuplicatesAnswer(BaseModel):
    """Test examples that the training part has as well, all but equal: they say nothing of what was learnt."""

    compared: int = Field(description="test examples; a part drawn from them where there are very many")
    found: int
    near: float = Field(NEAR, description="pictures up to this distance count; rows of tables must be equal")
    items: list[TwinAnswer] = Field(description=f"the nearest first, up to {LISTED}")


@router.get("/duplicates", summary="Test examples that the training part has already")
async def find_duplicates(arrays: ArraysDep, split: SplitDep) -> DuplicatesAnswer:
    """One search at a time: others wait for their turn."""
    return await asyncio.get_running_loop().run_in_executor(ONE_AT_A_TIME, lambda: _duplicates(arrays, split()))


def _duplicates(arrays: Arrays, parts: Split) -> DuplicatesAnswer:
    found = duplicates(arrays, parts)
    items = [
        TwinAnswer(**asdict(twin), same_label=bool(arrays.targets[twin.test] == arrays.targets[twin.train]))
        for twin in found.twins[:LISTED]
    ]
    return DuplicatesAnswer(compared=found.compared, found=len(found.twins), items=items)


def _part(arrays: Arrays, indices: Indices) -> PartAnswer:
    return PartAnswer(examples=len(indices), classes=[ClassCount(**count) for count in arrays.class_counts(indices)])
