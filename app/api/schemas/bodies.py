"""Request bodies that routes read themselves, as models for the OpenAPI document."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.serving.instances import MOST

MOST_PICTURES = 256  # in one form
BINARY = {"type": "string", "format": "binary", "minLength": 1}  # the schema of a file
File = Annotated[bytes, WithJsonSchema(BINARY)]
Part = Annotated[File | None, WithJsonSchema(BINARY)]


class Instances(BaseModel):
    """Inputs as numbers, for a table also by the names of its columns."""

    model_config = ConfigDict(extra="forbid")

    instances: list[list[Any] | dict[str, float | str | bool | None]] = Field(
        min_length=1,
        max_length=MOST,
        description="pixels from 0 to 255, as one list or by rows; or rows of a table, as lists or by column name",
        examples=[[{"age": 59, "bmi": 32.1}]],
    )


class Pictures(BaseModel):
    """The parts of a form with pictures."""

    image: list[File] = Field(min_length=1, max_length=MOST_PICTURES, description="one part `image` for each picture")


class UploadParts(BaseModel):
    """The parts of a form with a dataset: `file`, or IDX files as `images` and `labels`."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"minProperties": 1})

    file: Part = Field(None, description="an archive, an .npz file or a table")
    images: Part = Field(None, description="IDX file with the pictures")
    labels: Part = Field(None, description="IDX file with their labels")
    test_images: Part = Field(None, description="IDX file with the pictures of the test part")
    test_labels: Part = Field(None, description="IDX file with their labels")
