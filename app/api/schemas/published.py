"""Response models of the catalogue of public datasets."""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.messages import Message


class PublishedFile(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    role: str = Field(description="the name of this file's part in an upload", examples=["images"])
    name: str = Field(examples=["train-images-idx3-ubyte.gz"])
    url: str
    bytes: int | None
    sha256: str | None = Field(description="null if none is published; the download is then marked as unverified")


class PublishedAnswer(BaseModel):
    """A public dataset. POST /datasets/catalogue/{name} imports it."""

    model_config = ConfigDict(from_attributes=True)

    name: str = Field(examples=["mnist"])
    description: str
    source: str = Field(description="address of its description")
    licence: str | None = Field(description="null if none is stated", examples=["MIT"])
    files: list[PublishedFile]
    by_hand: Annotated[str, BeforeValidator(Message.text)] = Field(
        description="how to import it if the service has no internet access"
    )


class PublishedList(BaseModel):
    items: list[PublishedAnswer]
