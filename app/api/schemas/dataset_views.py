"""Request and response models of dataset views."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.datasets import ClassCount
from app.datasets.duplicates import NEAR

LISTED = 100


class PictureAnswer(BaseModel):
    """A picture as numbers, row by row, for each channel."""

    index: int
    label: str = Field(examples=["A"])
    shape: list[int] = Field(description="channels, height, width", examples=[[1, 28, 28]])
    channels: list[str] = Field(description="what the planes are", examples=[["gray"]])
    black: int = Field(0, description="the number that is black")
    white: int = Field(255, description="the number that is white, or all of a colour")
    pixels: list[list[list[int]]]


class PartAnswer(BaseModel):
    examples: int = Field(examples=[6400])
    classes: list[ClassCount]


class SplitAnswer(BaseModel):
    train: PartAnswer
    validation: PartAnswer
    test: PartAnswer


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
