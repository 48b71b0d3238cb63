"""Response models of datasets."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.messages import MessageAnswer
from app.api.schemas.times import rfc3339
from app.constants import DatasetStatus
from app.messages import Message
from app.storage import datasets
from app.storage.tables import Dataset


class ClassCount(BaseModel):
    index: int
    label: str
    count: int


class DatasetItem(BaseModel):
    """A dataset in a list. What there is to know of its examples comes when it is ready."""

    id: str = Field(examples=["notmnist"])
    name: str = Field(description="stands for its newest version that is ready")
    version: int = Field(description="counts from 1: an upload under a taken name is the next")
    status: DatasetStatus = Field(examples=["ready"])
    progress: dict[str, Any] = Field(
        description="of an import: the fraction that has been read, and examples so far",
        examples=[{"fraction": 0.42, "examples": 25_000}],
    )
    error: str | None = Field(description="why the import has failed, and what would be right")
    task: str | None = Field(None, examples=["classification"])
    examples: int | None = None
    shape: list[int] | None = Field(None, description="of one input, channels first", examples=[[1, 28, 28]])
    target: str | None = Field(None, description="the column of a table that is predicted")
    encoding: str | None = Field(None, description="of a CSV file, as it was found")
    separator: str | None = Field(None, description="of a CSV file, as it was found")
    own_split: list[str] = Field([], description="the parts that the upload itself names", examples=[["train", "test"]])
    missing: int = Field(0, description="how many numbers of a table's inputs are; each counts as its column's mean")
    missing_categories: int = Field(
        0, description="how many values of a table's categories are; each is 0 in all of the category's columns"
    )
    checksum: str | None = Field(None, description="SHA-256 over values, types, shapes and names")
    class_count: int = Field(description="how many classes there are", examples=[10])
    column_count: int = Field(description="of an uploaded table, without the target", examples=[13])
    skipped_count: int = Field(description="how many files or rows could not be read", examples=[2])
    warning_count: int = Field(description="how many warnings there are", examples=[0])
    created_at: str | None


class DatasetAnswer(DatasetItem):
    """A dataset, with all that is long as well."""

    reading: dict[str, Any] | None = Field(description="how the upload was to be read; null for what is built in")
    classes: list[ClassCount] = []
    feature_names: list[str] = Field([], description="of the inputs' columns, a category one for each of its values")
    columns: list[dict[str, Any]] = Field([], description="of a table: type, categories, and how many are missing")
    unread_columns: list[str] = Field([], description="of a Parquet file: of types that are neither numbers nor text")
    failure: MessageAnswer | None = Field(None, description="`error` as data, where it is known as such")
    warnings: list[str] = []
    warning_messages: list[MessageAnswer] = Field([], description="`warnings` as data, where they are known as such")
    files: list[dict[str, Any]] = Field([], description="of the catalogue: SHA-256 of each, and whether it was known")
    skipped: list[dict[str, str]] = Field(description="files that could not be read, each with the reason")


def dataset_item(dataset: Dataset) -> DatasetItem:
    """The dataset as clients see it in a list."""
    return DatasetItem(**_of_dataset(dataset))


def dataset_answer(dataset: Dataset) -> DatasetAnswer:
    """The dataset as clients see it."""
    return DatasetAnswer(reading=dataset.source.get("reading"), skipped=dataset.skipped, **_of_dataset(dataset))


def _of_dataset(dataset: Dataset) -> dict[str, Any]:
    warnings = dataset.about.get("warnings", [])
    messages = [warning for warning in warnings if isinstance(warning, dict)]  # older versions stored sentences
    reason = datasets.failure(dataset)
    return dataset.about | {
        "id": dataset.id,
        "name": dataset.name,
        "version": dataset.version,
        "status": dataset.status,
        "progress": dataset.progress,
        "error": dataset.error if reason is None else reason.text(),
        "warnings": [Message.from_json(item).text() if isinstance(item, dict) else item for item in warnings],
        "warning_messages": messages,
        "class_count": len(dataset.about.get("classes", [])),
        "column_count": len(dataset.about.get("columns", [])),
        "skipped_count": dataset.about.get("skipped_count", len(dataset.skipped)),
        "warning_count": len(warnings),
        "created_at": rfc3339(dataset.created_at),
    }


class DatasetPage(BaseModel):
    items: list[DatasetItem] = Field(description="without what is long, which GET /datasets/{id} has")
    next: str | None


class Sample(BaseModel):
    index: int = Field(description="as in /datasets/{id}/images/{index}.png", examples=[17])
    label: str | float = Field(description="the class, or the target's value", examples=["A"])
    part: str = Field(examples=["test"])


class SampleList(BaseModel):
    items: list[Sample]
