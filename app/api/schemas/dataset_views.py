"""Request and response models of dataset views."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.datasets import ClassCount
from app.datasets.duplicates import NEAR

LISTED = 100


class PictureAnswer(BaseModel):
    """A picture as numbers: for each channel a list of rows."""

    index: int
    label: str = Field(examples=["A"])
    shape: list[int] = Field(description="channels, height, width", examples=[[1, 28, 28]])
    channels: list[str] = Field(description="the meaning of each channel", examples=[["gray"]])
    black: int = Field(0, description="the value of black")
    white: int = Field(255, description="the value of white, or of a colour at full strength")
    pixels: list[list[list[int]]]


class PartAnswer(BaseModel):
    examples: int = Field(examples=[6400])
    classes: list[ClassCount]


class SplitAnswer(BaseModel):
    train: PartAnswer
    validation: PartAnswer
    test: PartAnswer


class StatisticsAnswer(BaseModel):
    """Statistics of pictures (mean, std, class_means) or of a table (rows, columns, …); the others are null."""

    examples: int
    classes: list[ClassCount]
    mean: float | None = Field(None, description="mean of all pixels, 0 to 255")
    std: float | None = Field(None, description="standard deviation of all pixels")
    class_means: dict[str, float] | None = Field(None, description="mean brightness of each class; see means.png")
    rows: int | None = Field(None, description="number of rows used; a very large table is sampled")
    columns: list[dict[str, Any]] | None = Field(
        None, description="range, mean, standard deviation and histogram of each"
    )
    target: dict[str, Any] | None = Field(None, description="the same for the target of a regression")
    correlations: list[list[float | None]] | None = Field(
        None, description="Pearson's r between columns; null for a constant column, and for over 100 columns"
    )


class TwinAnswer(BaseModel):
    test: int = Field(description="index of the test example", examples=[17])
    train: int = Field(description="index of the nearest training example", examples=[4031])
    distance: float = Field(description="root mean square of the pixel differences, 0 to 255", examples=[3.2])
    same_label: bool


class DuplicatesAnswer(BaseModel):
    """Test examples that are also in the training part, or almost equal to one: they cannot show generalisation."""

    compared: int = Field(description="number of test examples compared; a sample if there are very many")
    found: int
    near: float = Field(NEAR, description="pictures up to this distance count as duplicates; table rows must be equal")
    items: list[TwinAnswer] = Field(description=f"nearest first, at most {LISTED}")
