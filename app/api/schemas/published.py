"""Response models of the catalogue of public datasets."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.messages import Message


class PublishedFile(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    role: str = Field(description="of an upload's part", examples=["images"])
    name: str = Field(examples=["train-images-idx3-ubyte.gz"])
    url: str
    bytes: int | None
    sha256: str | None = Field(description="where its source is known; else what comes is shown as unverified")


class PublishedAnswer(BaseModel):
    """A public dataset. POST to its address imports it."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["mnist"])
    description: str
    source: str = Field(description="where it is described")
    licence: str | None = Field(description="as far as it is stated", examples=["MIT"])
    files: list[PublishedFile]
    by_hand: Annotated[str, BeforeValidator(Message.text)] = Field(
        description="what to do where no address can be reached"
    )


class PublishedList(BaseModel):
    items: list[PublishedAnswer]
