"""Request and response models of dataset views."""

from typing import Any

from pydantic import BaseModel, Field
from typing_extensions import TypeAliasType

from app.api.schemas.datasets import ClassCount
from app.datasets.duplicates import NEAR
from app.datasets.maps import Method

LISTED = 100


class PictureAnswer(BaseModel):
    """A picture as numbers: for each channel a list of rows."""

    index: int = Field(description="index in the dataset")
    label: str = Field(examples=["A"], description="the class")
    shape: list[int] = Field(description="channels, height, width", examples=[[1, 28, 28]])
    channels: list[str] = Field(description="the meaning of each channel", examples=[["gray"]])
    black: int = Field(0, description="the value of black")
    white: int = Field(255, description="the value of white, or of a colour at full strength")
    pixels: list[list[list[int]]] = Field(description="for each channel its rows of values from 0 to 255")


class PartAnswer(BaseModel):
    examples: int = Field(examples=[6400], description="number of examples in the part")
    classes: list[ClassCount] = Field(description="number of examples of each class; none for a regression")


class SplitAnswer(BaseModel):
    train: PartAnswer = Field(description="the part that the network learns from")
    validation: PartAnswer = Field(description="the part that is measured during the training")
    test: PartAnswer = Field(description="the part that is measured at the end")


class StatisticsAnswer(BaseModel):
    """Statistics of pictures (mean, std, class_means) or of a table (rows, columns, …); the others are null."""

    examples: int = Field(description="number of examples")
    classes: list[ClassCount] = Field(description="number of examples of each class; none for a regression")
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
    same_label: bool = Field(description="true if both have the same label")


class DuplicatesAnswer(BaseModel):
    """Test examples that are also in the training part, or almost equal to one: they cannot show generalisation."""

    compared: int = Field(description="number of test examples compared; a sample if there are very many")
    found: int = Field(description="number of test examples that have a duplicate")
    near: float = Field(NEAR, description="pictures up to this distance count as duplicates; table rows must be equal")
    items: list[TwinAnswer] = Field(description=f"nearest first, at most {LISTED}")


class SuspectAnswer(BaseModel):
    index: int = Field(description="index of the example", examples=[17])
    label: str = Field(description="its class", examples=["A"])
    suggested: str = Field(description="the class of most of its neighbours", examples=["B"])
    agreeing: float = Field(description="share of its 10 nearest neighbours that have its class", examples=[0.1])


class SuspectsAnswer(BaseModel):
    """Examples whose nearest neighbours have other labels: some are mislabelled, others are only unusual."""

    examined: int = Field(description="number of examples that were compared with each other; a sample of very many")
    found: int = Field(description="number of examples that have a neighbour with another label")
    items: list[SuspectAnswer] = Field(description="the most doubtful first")


class MapPoint(BaseModel):
    index: int = Field(description="index of the example", examples=[17])
    x: float = Field(description="from -1 to 1", examples=[0.25])
    y: float = Field(description="from -1 to 1", examples=[-0.5])
    label: str | float = Field(description="the class, or the target's value", examples=["A"])


MapMethod = TypeAliasType("MapMethod", Method)


class MapAnswer(BaseModel):
    """A map of a dataset: examples that are similar are close to each other."""

    method: MapMethod = Field(description="how the map was drawn", examples=["pca"])
    items: list[MapPoint] = Field(description="a sample of the examples, in the order of the dataset")
