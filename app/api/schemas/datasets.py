"""Response models of datasets."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.messages import MessageAnswer
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.constants import DatasetStatus
from app.messages import Message
from app.messages.catalogue.remarks import Severity
from app.messages.report import fix, sentence, severity, worst_first
from app.storage import datasets
from app.storage.tables import Dataset


class ClassCount(BaseModel):
    index: int = Field(description="number of the class, counted from 0")
    label: str = Field(description="the class")
    count: int = Field(description="number of its examples")


class DatasetItem(BaseModel):
    """A dataset in a list. Fields about its examples are filled in once it is ready."""

    id: str = Field(examples=["notmnist"], description="id of this version")
    name: str = Field(description="refers to the newest version that is ready")
    owner: str | None = Field(examples=["s1"], description="the owner of the key that made it; null if it is common")
    version: int = Field(description="counted from 1; an upload under an existing name is the next version")
    status: DatasetStatus = Field(examples=["ready"], description="`ready` after the import")
    progress: dict[str, Any] = Field(
        description="of an import: the fraction read, and the number of examples so far",
        examples=[{"fraction": 0.42, "examples": 25_000}],
    )
    error: str | None = Field(description="why the import failed, and how to correct it")
    task: str | None = Field(None, examples=["classification"], description="classification or regression")
    examples: int | None = Field(None, description="number of examples")
    shape: list[int] | None = Field(None, description="shape of one input, channels first", examples=[[1, 28, 28]])
    target: str | None = Field(None, description="the column of a table that is predicted")
    encoding: str | None = Field(None, description="encoding of a CSV file, as detected or as given")
    separator: str | None = Field(None, description="separator of a CSV file, as detected")
    own_split: list[str] = Field([], description="the parts that the upload defines", examples=[["train", "test"]])
    missing: int = Field(0, description="missing numbers in a table's inputs; each is replaced by its column's mean")
    missing_categories: int = Field(
        0, description="missing categories in a table's inputs; each is encoded as 0 in all columns of its category"
    )
    checksum: str | None = Field(None, description="SHA-256 over values, types, shapes and names")
    class_count: int = Field(description="number of classes", examples=[10])
    column_count: int = Field(description="number of columns of an uploaded table, without the target", examples=[13])
    skipped_count: int = Field(description="number of files or rows that could not be read", examples=[2])
    warning_count: int = Field(description="number of remarks in the report", examples=[0])
    bytes: int | None = Field(
        description="size of the arrays; during the import, of the upload. Datasets with the same content share their "
        "arrays. null for a dataset of an older version",
        examples=[14_680_448],
    )
    created_at: str | None = Field(
        description="time of the upload; null for a built-in dataset of an older version", examples=[AN_INSTANT]
    )


class Remarked(BaseModel):
    """One thing that the import noticed."""

    code: str = Field(description="a heading in docs/errors.md", examples=["pictures_of_one_value"])
    severity: Severity = Field(
        description="error: a training is meaningless; warning: it is probably worse than it could be; hint: nothing "
        "is wrong"
    )
    detail: str = Field(description="what was noticed", examples=["all pictures are of one value everywhere"])
    fix: str = Field(description="one change to try", examples=["add background=black"])
    params: dict[str, Any] = Field(description="the values that the sentences mention")


class DatasetAnswer(DatasetItem):
    """A dataset with all of its fields."""

    reading: dict[str, Any] | None = Field(description="the import options of the upload; null for a built-in dataset")
    classes: list[ClassCount] = Field(
        [], description="the classes with their numbers of examples; none for a regression"
    )
    feature_names: list[str] = Field(
        [], description="names of the input columns; a category has one column for each of its values"
    )
    columns: list[dict[str, Any]] = Field(
        [],
        description="of a table: type, categories and number of missing values of each column; `notation` is grouped "
        "if points separate its thousands",
    )
    unread_columns: list[str] = Field([], description="ignored columns of a Parquet file, neither numbers nor text")
    failure: MessageAnswer | None = Field(
        None, description="`error` as data; null if an older version stored only the text"
    )
    report: list[Remarked] = Field([], description="what to read before training, worst first")
    warnings: list[str] = Field([], description="the report as sentences")
    warning_messages: list[MessageAnswer] = Field(
        [], description="`warnings` as data, except for those that an older version stored as text"
    )
    files: list[dict[str, Any]] = Field(
        [], description="of a catalogue dataset: SHA-256 of each file, and true if it was verified"
    )
    skipped: list[dict[str, str]] = Field(description="files or rows that could not be read, each with the reason")


def _remarked(remark: Message) -> Remarked:
    return Remarked(
        code=remark.code, severity=severity(remark), detail=remark.text(), fix=fix(remark), params=dict(remark.params)
    )


def dataset_item(dataset: Dataset) -> DatasetItem:
    """The response for a dataset in a list."""
    return DatasetItem(**_of_dataset(dataset))


def dataset_answer(dataset: Dataset) -> DatasetAnswer:
    """The response for one dataset."""
    return DatasetAnswer(reading=dataset.source.get("reading"), skipped=dataset.skipped, **_of_dataset(dataset))


def _of_dataset(dataset: Dataset) -> dict[str, Any]:
    warnings = dataset.about.get("warnings", [])  # of older versions they may be sentences
    messages = worst_first(Message.from_json(warning) for warning in warnings if isinstance(warning, dict))
    sentences = [*map(sentence, messages), *(warning for warning in warnings if isinstance(warning, str))]
    reason = datasets.failure(dataset)
    return dataset.about | {
        "id": dataset.id,
        "name": dataset.name,
        "owner": dataset.owner or None,
        "version": dataset.version,
        "status": dataset.status,
        "progress": dataset.progress,
        "error": dataset.error if reason is None else reason.text(),
        "report": [_remarked(message) for message in messages],
        "warnings": sentences,
        "warning_messages": [message.to_json() for message in messages],
        "class_count": len(dataset.about.get("classes", [])),
        "column_count": len(dataset.about.get("columns", [])),
        "skipped_count": dataset.about.get("skipped_count", len(dataset.skipped)),
        "warning_count": len(warnings),
        "bytes": dataset.bytes,
        "created_at": rfc3339(dataset.created_at),
    }


class DatasetPage(BaseModel):
    items: list[DatasetItem] = Field(description="without long fields, which GET /datasets/{id} has")
    next: str | None = Field(description="`cursor` of the next page; null on the last one")


class Sample(BaseModel):
    index: int = Field(description="as in /datasets/{id}/images/{index}.png", examples=[17])
    label: str | float = Field(description="the class, or the target's value", examples=["A"])
    part: str = Field(examples=["test"], description="the part of the split that it is in")


class SampleList(BaseModel):
    items: list[Sample] = Field(description="the examples in the order of the split")
